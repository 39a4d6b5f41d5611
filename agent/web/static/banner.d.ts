// Types of `banner.js`: the element `<openbell-banner>`, and the document that it shows.

export type Severity = "ok" | "info" | "warning" | "unknown" | "critical";

/** What a person can do now. */
export interface Action {
  kind: string;
  label: string;
  href: string;
  method: string;
}

export interface Market {
  state: string;
  reason: string;
  next_open_at: string | null;
  next_close_at: string | null;
  calendar: unknown;
}

export interface Blocker {
  machine: string;
  state: string;
  reason: string;
  wanted: string[];
  message: string;
}

export interface Problem {
  rule: string;
  code: string;
  group: string | null;
  phase: "pending" | "active" | "clearing" | "suppressed" | "silenced";
  severity: Severity;
  message: string;
  since: string;
  machine: string | null;
  reason: string | null;
  suppressed_by: string[];
  silenced_by: string | null;
  flapping: boolean;
  aside: boolean;
}

export interface Machine {
  role: string;
  group: string | null;
  state: string;
  reason: string;
  message: string;
  since: string;
  observed_at: string;
  valid_until: string | null;
  next_change_at: string | null;
  attributes: Record<string, unknown>;
  measures: Record<string, number>;
}

/** The health document; instants are ISO 8601 with their offset. Not to be trusted past `valid_until`. */
export interface HealthDocument {
  schema: string;
  status: "pass" | "warn" | "fail";
  code: string;
  severity: Severity;
  message: string;
  color: string;
  since: string;
  generated_at: string;
  valid_until: string;
  revision: number;
  cause: { rule: string | null; group: string | null; machine: string | null; reason: string | null };
  action: Action | null;
  market: Market | null;
  ready: boolean;
  tradable: boolean;
  blockers: Blocker[];
  problems: Problem[];
  machines: Record<string, Machine>;
  agent: { name: string; version: string; started_at: string; [more: string]: unknown };
}

/** "none" before the first answer, "live", or "lost" when nothing was heard in time. */
export type Contact = "none" | "live" | "lost";

export interface BannerChange {
  contact: Contact;
  health: HealthDocument | null;
}

export interface OpenbellBannerEventMap extends HTMLElementEventMap {
  /** Another answer, or word that the last one may no longer be trusted. Does not bubble. */
  change: CustomEvent<BannerChange>;
}

export declare class OpenbellBanner extends HTMLElement {
  static readonly observedAttributes: readonly ["src", "open"];
  /** The agent's address, or those of all agents of the desk with spaces between; that of the module if none is said. An attribute as well. */
  src: string;
  /** Whether the details are shown. An attribute as well. */
  open: boolean;
  /** A token of the scope `read`, for an agent that wants one. Never an attribute, which would be on view. */
  token: string | null;
  /** The latest document; not to be trusted unless `contact` is "live". */
  readonly health: HealthDocument | null;
  readonly contact: Contact;
  /** How the latest document came; `null` before the first. */
  readonly via: "stream" | "poll" | null;

  addEventListener<K extends keyof OpenbellBannerEventMap>(
    type: K,
    listener: (this: OpenbellBanner, event: OpenbellBannerEventMap[K]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<K extends keyof OpenbellBannerEventMap>(
    type: K,
    listener: (this: OpenbellBanner, event: OpenbellBannerEventMap[K]) => unknown,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | EventListenerOptions,
  ): void;
}

declare global {
  interface HTMLElementTagNameMap {
    "openbell-banner": OpenbellBanner;
  }
}

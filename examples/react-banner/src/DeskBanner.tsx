import { useEffect, useRef } from "react";
import type { BannerChange, OpenbellBanner } from "./banner";

interface Props {
  /** The agent's address; of a pair both, with a space between. */
  agent: string;
  /** A token of the scope `read`, for an agent that wants one. */
  token?: string;
  /** Told of every answer, and when the last one may no longer be trusted. */
  onDesk?: (desk: BannerChange) => void;
}

/** The module, from the first agent that has it: one that stands by has it as well. */
async function loadFrom(agents: string[]) {
  for (const agent of agents) {
    const loaded = await import(/* @vite-ignore */ new URL("/banner.js", agent).href).catch(() => null);
    if (loaded) return;
  }
}

/** The desk's answer. The module is the agent's own, so it fits the agent's version. */
export function DeskBanner({ agent, token, onDesk }: Props) {
  const banner = useRef<OpenbellBanner>(null);

  useEffect(() => {
    void loadFrom(agent.split(" "));
  }, [agent]);

  useEffect(() => {
    const element = banner.current;
    if (!element || !onDesk) return;
    const listen = (event: CustomEvent<BannerChange>) => onDesk(event.detail);
    element.addEventListener("change", listen);
    return () => element.removeEventListener("change", listen);
  }, [onDesk]);

  return (
    <openbell-banner ref={banner} src={agent} token={token ?? null}>
      The desk’s agent is not reached: take it that it is not safe to trade.
    </openbell-banner>
  );
}

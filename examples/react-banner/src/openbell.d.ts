// React's own word for the element; `banner.d.ts` is the agent's, as GET /banner.d.ts serves it.

import type { DetailedHTMLProps, HTMLAttributes } from "react";
import type { OpenbellBanner } from "./banner";

type BannerAttributes = DetailedHTMLProps<HTMLAttributes<OpenbellBanner>, OpenbellBanner> & {
  src?: string;
  open?: boolean;
  token?: string | null;
};

declare module "react" {
  namespace JSX {
    interface IntrinsicElements {
      "openbell-banner": BannerAttributes;
    }
  }
}

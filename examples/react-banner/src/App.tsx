import { useState } from "react";
import { DeskBanner } from "./DeskBanner";

const AGENT = "http://127.0.0.1:8000";

export function App() {
  const [isTradable, setTradable] = useState(false);
  return (
    <>
      <DeskBanner
        agent={AGENT}
        onDesk={({ contact, health }) => setTradable(contact === "live" && health !== null && health.tradable)}
      />
      <h1>Orders</h1>
      <button disabled={!isTradable}>Send</button>
    </>
  );
}

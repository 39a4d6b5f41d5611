// What is known of the desk: shared by all that draws, changed by what hears and by what is done.

export const desk = {
  health: null,
  elsewhere: null, // what an agent that stands by says of the one that has the desk
  contact: "none",
  validUntil: NaN,
  may: "control",
  incident: null,
  silences: [],
};

/** Whether controls are to be offered now. */
export const mayAct = () => isLive() && desk.may === "control";

export const isLive = () => desk.contact === "live";

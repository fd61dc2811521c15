import "@cloudscape-design/global-styles/index.css";
import "./app/style.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app/App";
import { startPreferences } from "./preferences/preferences";
import { startSession } from "./session/start";

startPreferences();
void startSession();

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no element for the console");
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);

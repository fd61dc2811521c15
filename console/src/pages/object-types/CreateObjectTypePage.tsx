import { useState } from "react";
import { useParams, useSearchParams } from "react-router";
import type { Definition } from "../../mapping/definition";
import { CreateForm, type Start, emptyStart } from "./CreateForm";
import { LookThrough } from "./LookThrough";

/** Makes an object type: how to start, and then a look through what came of it. */
export default function CreateObjectTypePage() {
  const { domainName = "" } = useParams();
  const [search, setSearch] = useSearchParams();
  const [start, setStart] = useState<Start>(emptyStart);
  const [definition, setDefinition] = useState<Definition>();
  // The step is in the address, so that the browser's way back is one.
  if (search.get("step") === "look" && definition) {
    return <LookThrough domain={domainName} name={start.name} initial={definition} sample={start.origin === "sample" ? start.sample : ""} onBack={() => setSearch({})} />;
  }
  return (
    <CreateForm
      domain={domainName}
      start={start}
      onChange={setStart}
      onNext={(made) => {
        setDefinition(made);
        setSearch({ step: "look" });
      }}
    />
  );
}

import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import KeyValuePairs, { type KeyValuePairsProps } from "@cloudscape-design/components/key-value-pairs";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Container from "@cloudscape-design/components/container";

/** Says that something was made: for the tab that was opened for it, which has done its work then. */
export function MadePanel(props: {
  title: string;
  /** That it is selected in the other tab; absent if no tab waits for it. */
  handedBack?: string;
  items: readonly KeyValuePairsProps.Pair[];
  closeText: string;
  anotherText: string;
  onAnother: () => void;
}) {
  const { title, handedBack, items, closeText, anotherText, onAnother } = props;
  return (
    <SpaceBetween size="l">
      <Alert type="success" header={title} action={handedBack ? <Button onClick={() => window.close()}>{closeText}</Button> : <Button onClick={onAnother}>{anotherText}</Button>}>
        {handedBack}
      </Alert>
      <Container>
        <KeyValuePairs columns={1} items={items} />
      </Container>
    </SpaceBetween>
  );
}

import ContentLayout from "@cloudscape-design/components/content-layout";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { type ReactNode, useEffect } from "react";
import { type Crumb, useFrame } from "../app/frame";

/**
 * The content of a page under its heading. It puts the title into the window's and
 * the way to the page into the frame.
 */
export function Page(props: {
  title: string;
  /** Steps before this page, from the outermost. */
  crumbs?: readonly Crumb[];
  /** What the page's menu is about, such as an instance's alias. */
  subject?: string | undefined;
  description?: ReactNode;
  actions?: ReactNode;
  /** A page that is a table brings its own heading, and says so with this. */
  headless?: boolean;
  children: ReactNode;
}) {
  const { title, crumbs = [], subject, description, actions, headless, children } = props;
  const { setCrumbs, setSubject } = useFrame();
  const way = JSON.stringify([...crumbs, { text: title, href: "" }]);
  useEffect(() => {
    setCrumbs(JSON.parse(way) as Crumb[]);
    document.title = `${title} – Kindred`;
    return () => setCrumbs([]);
  }, [setCrumbs, way, title]);
  useEffect(() => setSubject(subject), [setSubject, subject]);

  if (headless) return <SpaceBetween size="l">{children}</SpaceBetween>;
  return (
    <ContentLayout
      header={
        <Header variant="h1" description={description} actions={actions}>
          {title}
        </Header>
      }
    >
      <SpaceBetween size="l">{children}</SpaceBetween>
    </ContentLayout>
  );
}

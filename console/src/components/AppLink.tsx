import Link, { type LinkProps } from "@cloudscape-design/components/link";
import type { ReactNode } from "react";
import { useNavigate } from "react-router";

/** A link to another page of the console. */
export function AppLink({ href, children, ...rest }: { href: string; children: ReactNode } & Pick<LinkProps, "variant" | "fontSize" | "ariaLabel">) {
  const navigate = useNavigate();
  return (
    <Link
      {...rest}
      href={href}
      onFollow={(e) => {
        if (e.detail.target) return;
        e.preventDefault();
        void navigate(href);
      }}
    >
      {children}
    </Link>
  );
}

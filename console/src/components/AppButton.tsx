import Button, { type ButtonProps } from "@cloudscape-design/components/button";
import type { ReactNode } from "react";
import { useNavigate } from "react-router";

/** A button that leads to another page of the console. */
export function AppButton({ href, children, ...rest }: { href: string; children: ReactNode } & Pick<ButtonProps, "variant" | "iconName" | "disabled" | "ariaLabel">) {
  const navigate = useNavigate();
  return (
    <Button
      {...rest}
      href={href}
      onFollow={(e) => {
        e.preventDefault();
        void navigate(href);
      }}
    >
      {children}
    </Button>
  );
}

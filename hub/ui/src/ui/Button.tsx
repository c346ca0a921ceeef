/** Buttons: one shape, four weights, with an icon or without. */

import type { ButtonHTMLAttributes, Ref } from "react";
import styles from "./Button.module.css";
import { cx } from "./classes.ts";
import { Icon, type IconName } from "./icons.tsx";

type Kind = "plain" | "primary" | "quiet" | "danger";

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  kind?: Kind;
  icon?: IconName;
  busy?: boolean;
  small?: boolean;
  ref?: Ref<HTMLButtonElement>;
}

export function Button({ kind = "plain", icon, busy, small, className, children, disabled, ...rest }: Props) {
  return (
    <button
      type="button"
      {...rest}
      disabled={disabled || busy}
      aria-busy={busy || undefined}
      className={cx(styles.button, styles[kind], small && styles.small, className)}
    >
      {icon ? <Icon name={icon} size={small ? 14 : 16} /> : null}
      {children}
    </button>
  );
}

interface IconButtonProps extends Omit<Props, "children" | "icon" | "kind"> {
  icon: IconName;
  label: string;
  pressed?: boolean;
}

/** A button whose text is only spoken and shown on hover. */
export function IconButton({ icon, label, small, className, pressed, ...rest }: IconButtonProps) {
  return (
    <button
      type="button"
      title={label}
      {...rest}
      aria-label={label}
      aria-pressed={pressed}
      className={cx(styles.button, styles.quiet, styles.iconOnly, small && styles.small, className)}
    >
      <Icon name={icon} size={small ? 14 : 16} />
    </button>
  );
}

/** Links that look like buttons take this class. */
export function buttonClass(kind: Kind = "plain", small = false): string {
  return cx(styles.button, styles[kind], small && styles.small);
}

export const groupClass = styles.group as string;

/** A list of choices under a button, on the browser's own popover, with arrow keys. */

import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";
import { cx } from "./classes.ts";
import { Icon, type IconName } from "./icons.tsx";
import styles from "./Menu.module.css";

interface Props {
  /** What the button shows. */
  label: ReactNode;
  /** What the button is called. */
  name: string;
  children: (close: () => void) => ReactNode;
  buttonClassName?: string;
  caret?: boolean;
  align?: "start" | "end";
  /** It holds fields beside choices; the choices are then in a `MenuGroup`. */
  hasFields?: boolean;
}

/** A pause that ends what was typed to find a choice. */
const TYPING_MS = 800;

/** Space kept between the list and the edges of the window. */
const EDGE = 8;

export function Menu(props: Props) {
  const { label, name, children, buttonClassName, caret = true, align = "start", hasFields } = props;
  const role = hasFields ? "dialog" : "menu";
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const panel = useRef<HTMLDivElement>(null);
  const typed = useRef({ text: "", at: 0 });
  const [open, setOpen] = useState(false);
  const close = () => {
    panel.current?.hidePopover?.();
    setOpen(false);
  };

  useEffect(() => {
    const element = panel.current;
    const anchor = button.current;
    if (!open || !element || !anchor) return;
    element.showPopover?.();
    place(element, anchor, align);
    focusItem(element, 0);
    // Choices may come later than the menu, and be wider.
    const observer = new ResizeObserver(() => place(element, anchor, align));
    observer.observe(element);
    return () => observer.disconnect();
  }, [open, align]);

  const onKeyDown = (event: KeyboardEvent) => {
    const element = panel.current;
    if (!element) return;
    const current = items(element).indexOf(document.activeElement as HTMLElement);
    if (event.key === "ArrowDown") focusItem(element, current + 1);
    else if (event.key === "ArrowUp") focusItem(element, current - 1);
    else if (event.key === "Home") focusItem(element, 0);
    else if (event.key === "End") focusItem(element, -1);
    else if (isLetter(event)) {
      const now = Date.now();
      const before = now - typed.current.at < TYPING_MS ? typed.current.text : "";
      // A blank chooses, but for within a name.
      if (event.key === " " && before === "") return;
      typed.current = { text: before + event.key.toLowerCase(), at: now };
      items(element)[findTyped(items(element).map(nameOf), typed.current.text, current)]?.focus();
    } else if (event.key === "Escape") {
      close();
      button.current?.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <>
      <button
        ref={button}
        type="button"
        aria-label={name}
        aria-haspopup={role}
        aria-expanded={open}
        aria-controls={id}
        className={cx(styles.button, buttonClassName)}
        onClick={() => (open ? close() : setOpen(true))}
      >
        {label}
        {caret ? <Icon name="down" size={12} /> : null}
      </button>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: it always has one of two roles */}
      {/* biome-ignore lint/a11y/useAriaPropsSupportedByRole: both of them have names */}
      <div
        ref={panel}
        id={id}
        popover="auto"
        role={role}
        tabIndex={-1}
        aria-label={name}
        className={styles.panel}
        onKeyDown={onKeyDown}
        onToggle={(event) => {
          if (event.newState === "closed") setOpen(false);
        }}
      >
        {open ? children(close) : null}
      </div>
    </>
  );
}

/** Below its button, else above it, and within the window. */
function place(panel: HTMLElement, button: HTMLElement, align: Props["align"]): void {
  const box = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = panel;
  const left = align === "end" ? box.right - width : box.left;
  panel.style.left = `${Math.max(EDGE, Math.min(left, window.innerWidth - width - EDGE))}px`;
  const below = box.bottom + 4;
  const fits = below + height < window.innerHeight - EDGE;
  panel.style.top = `${fits ? below : Math.max(EDGE, box.top - height - 4)}px`;
}

function isLetter(event: KeyboardEvent): boolean {
  const isField = event.target instanceof HTMLInputElement;
  return event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey && !isField;
}

const nameOf = (item: HTMLElement) => (item.textContent ?? "").trim().toLowerCase();

/** The choice that begins with what was typed, else has it; one letter again and again goes on to the next. */
export function findTyped(names: readonly string[], text: string, current: number): number {
  const isRepeated = [...text].every((letter) => letter === text[0]);
  const wanted = isRepeated ? (text[0] ?? "") : text;
  const order = names.map((_, i) => (i + Math.max(current, 0) + (isRepeated ? 1 : 0)) % names.length);
  const found =
    order.find((i) => names[i]?.startsWith(wanted)) ?? order.find((i) => names[i]?.includes(wanted));
  return found ?? current;
}

function items(panel: HTMLElement): HTMLElement[] {
  return [...panel.querySelectorAll<HTMLElement>('[role^="menuitem"]:not([disabled]), input')];
}

function focusItem(panel: HTMLElement, index: number): void {
  const all = items(panel);
  all[(index + all.length) % (all.length || 1)]?.focus();
}

interface ItemProps {
  children: ReactNode;
  onSelect: () => void;
  checked?: boolean;
  icon?: IconName;
  hint?: ReactNode;
  danger?: boolean;
  disabled?: boolean;
}

export function MenuItem({ children, onSelect, checked, icon, hint, danger, disabled }: ItemProps) {
  return (
    // biome-ignore lint/a11y/useAriaPropsSupportedByRole: with `checked` the role is menuitemcheckbox
    <button
      type="button"
      role={checked === undefined ? "menuitem" : "menuitemcheckbox"}
      aria-checked={checked}
      disabled={disabled}
      className={cx(styles.item, danger && styles.danger)}
      onClick={onSelect}
    >
      {checked !== undefined ? (
        <span className={styles.check}>{checked ? <Icon name="check" size={14} /> : null}</span>
      ) : null}
      {icon ? <Icon name={icon} size={14} /> : null}
      <span className={styles.words}>{children}</span>
      {hint ? <span className={styles.hint}>{hint}</span> : null}
    </button>
  );
}

/** The choices of a menu that has fields as well. */
export function MenuGroup({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div role="menu" aria-label={label}>
      {children}
    </div>
  );
}

export function MenuLabel({ children }: { children: ReactNode }) {
  return <div className={styles.label}>{children}</div>;
}

export function MenuRule() {
  return <hr className={styles.rule} />;
}

/** Short messages at the edge of the page, with an undo where there is one. */

import {
  createContext,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { Button, IconButton } from "./Button.tsx";
import styles from "./Toasts.module.css";

/** How long one can take a change back. */
export const UNDO_MS = 10_000;
const ERROR_MS = 12_000;
const SHOWN_MAX = 3;

export interface Toast {
  text: string;
  tone?: "info" | "danger";
  undo?: () => void;
  /** It goes on: the line stays until it is changed. */
  busy?: boolean;
}

/** Puts other words into a line that is shown, as long as it is. */
export type ChangeToast = (toast: Toast) => void;

interface Shown extends Toast {
  id: number;
}

const ToastContext = createContext<(toast: Toast) => ChangeToast>(() => () => {});
const UndoContext = createContext<(() => void) | null>(null);

export function useToast(): (toast: Toast) => ChangeToast {
  return useContext(ToastContext);
}

/** Takes back the last change that a line still offers to undo; `null` where none does. */
export function useUndo(): (() => void) | null {
  return useContext(UndoContext);
}

export function Toasts({ children }: { children: ReactNode }) {
  const [shown, setShown] = useState<Shown[]>([]);
  const next = useRef(1);
  const close = useCallback((id: number) => setShown((all) => all.filter((toast) => toast.id !== id)), []);
  const show = useCallback((toast: Toast) => {
    const id = next.current++;
    setShown((all) => [...all.slice(1 - SHOWN_MAX), { ...toast, id }]);
    return (next: Toast) => setShown((all) => all.map((each) => (each.id === id ? { ...next, id } : each)));
  }, []);
  const latest = useRef(shown);
  useEffect(() => {
    latest.current = shown;
  });
  const undo = useCallback(() => {
    const last = latest.current.findLast((toast) => toast.undo);
    if (!last) return;
    last.undo?.();
    close(last.id);
  }, [close]);
  return (
    <ToastContext value={show}>
      <UndoContext value={shown.some((toast) => toast.undo) ? undo : null}>{children}</UndoContext>
      <section className={styles.stack} aria-label="Messages" aria-live="polite">
        {shown.map((toast) => (
          <ToastLine key={toast.id} toast={toast} close={close} />
        ))}
      </section>
    </ToastContext>
  );
}

function ToastLine({ toast, close }: { toast: Shown; close: (id: number) => void }) {
  const [held, setHeld] = useState(false);
  const life = useMemo(() => (toast.tone === "danger" ? ERROR_MS : UNDO_MS), [toast.tone]);
  useEffect(() => {
    if (held || toast.busy) return;
    const timer = setTimeout(() => close(toast.id), life);
    return () => clearTimeout(timer);
  }, [held, life, toast.id, toast.busy, close]);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: it stays while one reads it, and nothing more
    <div
      className={toast.tone === "danger" ? `${styles.toast} ${styles.danger}` : styles.toast}
      role={toast.tone === "danger" ? "alert" : "status"}
      onMouseEnter={() => setHeld(true)}
      onMouseLeave={() => setHeld(false)}
    >
      <span className={styles.text}>{toast.text}</span>
      {toast.undo ? (
        <Button
          small
          kind="quiet"
          className={styles.undo}
          title="Key: z"
          onClick={() => {
            toast.undo?.();
            close(toast.id);
          }}
        >
          Undo
        </Button>
      ) : null}
      <IconButton
        small
        icon="close"
        label="Dismiss"
        className={styles.close}
        onClick={() => close(toast.id)}
      />
    </div>
  );
}

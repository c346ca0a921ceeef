/** Fields with their label, their explanation and what is wrong with them. */

import { type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes, useId } from "react";
import styles from "./Form.module.css";

interface FieldProps {
  label: string;
  hint?: ReactNode;
  error?: string | null;
  children: (props: { id: string; "aria-describedby"?: string; "aria-invalid"?: true }) => ReactNode;
}

export function Field({ label, hint, error, children }: FieldProps) {
  const id = useId();
  const about = `${id}-about`;
  const described = hint || error ? about : undefined;
  return (
    <div className={styles.field}>
      <label htmlFor={id} className={styles.label}>
        {label}
      </label>
      {children({ id, "aria-describedby": described, ...(error ? { "aria-invalid": true as const } : {}) })}
      {error ? (
        <p id={about} className={styles.error} role="alert">
          {error}
        </p>
      ) : hint ? (
        <p id={about} className={styles.hint}>
          {hint}
        </p>
      ) : null}
    </div>
  );
}

interface TextProps extends InputHTMLAttributes<HTMLInputElement> {
  label: string;
  hint?: ReactNode;
  error?: string | null;
  mono?: boolean;
}

export function TextField({ label, hint, error, mono, ...input }: TextProps) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(props) => (
        <input
          type="text"
          {...input}
          {...props}
          className={mono ? `${styles.input} ${styles.mono}` : styles.input}
        />
      )}
    </Field>
  );
}

interface SelectProps extends SelectHTMLAttributes<HTMLSelectElement> {
  label: string;
  hint?: ReactNode;
}

export function SelectField({ label, hint, children, ...select }: SelectProps) {
  return (
    <Field label={label} hint={hint}>
      {(props) => (
        <select {...select} {...props} className={styles.input}>
          {children}
        </select>
      )}
    </Field>
  );
}

interface AreaProps {
  label: string;
  hint?: ReactNode;
  value: string;
  onChange: (value: string) => void;
  rows?: number;
  placeholder?: string;
}

export function AreaField({ label, hint, value, onChange, rows = 4, placeholder }: AreaProps) {
  return (
    <Field label={label} hint={hint}>
      {(props) => (
        <textarea
          {...props}
          className={`${styles.input} ${styles.area} ${styles.mono}`}
          rows={rows}
          value={value}
          placeholder={placeholder}
          spellCheck={false}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}

interface CheckProps {
  label: ReactNode;
  hint?: ReactNode;
  checked: boolean;
  onChange: (checked: boolean) => void;
  disabled?: boolean;
}

export function Check({ label, hint, checked, onChange, disabled }: CheckProps) {
  const id = useId();
  return (
    <div className={styles.check}>
      <input
        id={id}
        type="checkbox"
        checked={checked}
        disabled={disabled}
        aria-describedby={hint ? `${id}-about` : undefined}
        onChange={(event) => onChange(event.target.checked)}
      />
      <div>
        <label htmlFor={id}>{label}</label>
        {hint ? (
          <p id={`${id}-about`} className={styles.hint}>
            {hint}
          </p>
        ) : null}
      </div>
    </div>
  );
}

export const formClass = styles.form as string;
export const inputClass = styles.input as string;
export const rowClass = styles.row as string;

/** A table that becomes cards on a phone. */

import type { ReactNode } from "react";
import styles from "./Table.module.css";

export interface Column<T> {
  name: string;
  /** The name is only spoken: a column of buttons needs no heading. */
  quiet?: boolean;
  numeric?: boolean;
  /** Ids and names that must not be broken. */
  whole?: boolean;
  /** It takes what room the others leave, and is cut where that is too little. */
  rest?: boolean;
  cell: (row: T) => ReactNode;
}

interface Props<T> {
  label: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  rowKey: (row: T) => string;
}

export function Table<T>({ label, columns, rows, rowKey }: Props<T>) {
  return (
    <div className={styles.wrap}>
      <table className={styles.table} aria-label={label}>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.name} scope="col" className={column.numeric ? styles.num : undefined}>
                {column.quiet ? <span className="visually-hidden">{column.name}</span> : column.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={rowKey(row)}>
              {columns.map((column) => (
                <td
                  key={column.name}
                  data-label={column.quiet ? "" : column.name}
                  className={
                    column.numeric
                      ? styles.num
                      : column.quiet
                        ? styles.actions
                        : column.whole
                          ? styles.whole
                          : column.rest
                            ? styles.rest
                            : undefined
                  }
                >
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

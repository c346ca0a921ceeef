/** Bandwidths: the API counts bytes a second, people speak of bits. */

export const RATE_UNITS = ["kbit/s", "Mbit/s"] as const;
export type RateUnit = (typeof RATE_UNITS)[number];

const BYTES: Record<RateUnit, number> = { "kbit/s": 125, "Mbit/s": 125_000 };

/** "64 kbit/s", "1.5 Mbit/s"; three digits at most behind the point. */
export function bitRate(bytesPerSecond: number): string {
  const { value, unit } = rateParts(bytesPerSecond);
  return `${value} ${unit}`;
}

/** The same in parts, for a form. */
export function rateParts(bytesPerSecond: number): { value: number; unit: RateUnit } {
  const unit = bytesPerSecond >= BYTES["Mbit/s"] ? "Mbit/s" : "kbit/s";
  return { value: Math.round((bytesPerSecond / BYTES[unit]) * 1000) / 1000, unit };
}

/** Whole bytes a second; null for an empty text, which is without limit; NaN for what is no number. */
export function rateBytes(text: string, unit: RateUnit): number | null {
  const number = text.trim().replace(",", ".");
  if (number === "") return null;
  return Math.round(Number(number) * BYTES[unit]);
}

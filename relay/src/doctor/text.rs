//! Numbers as people read them.

/// Bytes with a unit, to three digits.
#[must_use]
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut whole = n;
    let mut tenths = 0;
    while whole >= 1024 && unit + 1 < UNITS.len() {
        tenths = whole % 1024 * 10 / 1024;
        whole /= 1024;
        unit += 1;
    }
    let unit = UNITS.get(unit).copied().unwrap_or_default();
    if tenths > 0 && whole < 100 {
        format!("{whole}.{tenths} {unit}")
    } else {
        format!("{whole} {unit}")
    }
}

/// A time in its two largest units.
#[must_use]
pub fn span(secs: u64) -> String {
    let (days, hours, minutes) = (secs / 86_400, secs / 3600 % 24, secs / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{secs} s"),
        (0, 0, minutes) => format!("{minutes} min {} s", secs % 60),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// A short time.
#[must_use]
pub fn micros(n: u64) -> String {
    match n {
        0..1000 => format!("{n} µs"),
        1000..10_000 => format!("{}.{} ms", n / 1000, n / 100 % 10),
        10_000..10_000_000 => format!("{} ms", n / 1000),
        _ => format!("{} s", n / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_carry_their_unit() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(200 << 20), "200 MiB");
        assert_eq!(bytes(u64::MAX), "16777215 TiB");
        assert_eq!(span(59), "59 s");
        assert_eq!(span(7330), "2 h 2 min");
        assert_eq!(span(200_000), "2 d 7 h");
        assert_eq!(micros(900), "900 µs");
        assert_eq!(micros(1900), "1.9 ms");
        assert_eq!(micros(48_200), "48 ms");
    }
}

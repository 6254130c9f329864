//! Figures as people read them.

/// With commas between thousands.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A figure with three digits at least, none of them behind the point where it is large.
pub(super) fn count(value: f64) -> String {
    match value.abs() {
        whole if whole.fract() == 0.0 && whole < 100.0 => format!("{value}"),
        100.0.. => {
            format!("{}{}", if value < 0.0 { "-" } else { "" }, grouped(value.abs().round() as u64))
        }
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Milliseconds, to the microsecond where they are few.
pub(super) fn millis(value: f64) -> String {
    match value {
        1000.0.. => grouped(value.round() as u64),
        10.0.. => format!("{value:.1}"),
        1.0.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// Bytes in MiB.
pub(super) fn memory(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        assert_eq!([1, 999, 1000, 1_234_567].map(grouped), ["1", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [0.5, 7.0, 42.25, 1234.5, -4000.0].map(count),
            ["0.50", "7", "42.2", "1,235", "-4,000"]
        );
        assert_eq!([0.0123, 1.5, 12.34, 2345.6].map(millis), ["0.012", "1.50", "12.3", "2,346"]);
        assert_eq!(memory(3 << 19), "1.5 MiB");
    }
}

//! Numbers exact to 38 digits, DynamoDB's range and order. Knows nothing of where numbers come from or go to.

use std::cmp::Ordering;

/// Significant digits a number can have.
pub(crate) const DIGITS_MAX: u32 = 38;
/// Power of ten of the first digit of the largest and the smallest magnitude.
const MAGNITUDE_MAX: i32 = 125;
const MAGNITUDE_MIN: i32 = -130;
/// The ordered encoding's longest form: sign, magnitude, 19 pairs of digits.
pub(crate) const ORDERED_BYTES_MAX: usize = 21;

/// A decimal number of up to 38 significant digits, magnitude 1E-130 to 9.9…E+125, or zero. Normalised: no
/// trailing zeros in the coefficient, one zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Number {
    negative: bool,
    /// Power of ten of the coefficient's last digit.
    exponent: i16,
    /// At most 38 digits.
    coefficient: u128,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    #[error("not a number")]
    Format,
    #[error("more than 38 significant digits")]
    Precision,
    #[error("magnitude larger than 9.9999999999999999999999999999999999999E+125")]
    Overflow,
    #[error("magnitude smaller than 1E-130")]
    Underflow,
}

impl NumberError {
    /// AWS's wording of a refused literal; `text` is the literal.
    #[must_use]
    pub fn aws_message(self, text: &str) -> String {
        match self {
            NumberError::Format if text.is_empty() => {
                "The parameter cannot be converted to a numeric value".to_string()
            }
            NumberError::Format => format!("The parameter cannot be converted to a numeric value: {text}"),
            NumberError::Precision => "Attempting to store more than 38 significant digits in a Number".to_string(),
            NumberError::Overflow => {
                "Number overflow. Attempting to store a number with magnitude larger than supported range".to_string()
            }
            NumberError::Underflow => {
                "Number underflow. Attempting to store a number with magnitude smaller than supported range".to_string()
            }
        }
    }
}

impl Number {
    pub const ZERO: Number = Number { negative: false, exponent: 0, coefficient: 0 };

    /// Parses what DynamoDB accepts as a number: sign, digits, point, exponent, leading and trailing zeros, no spaces.
    pub fn parse(text: &str) -> Result<Number, NumberError> {
        let bytes = text.as_bytes();
        let (negative, bytes) = sign(bytes);
        let mark = bytes.iter().position(|byte| matches!(byte, b'e' | b'E')).unwrap_or(bytes.len());
        let exponent = if mark < bytes.len() { parse_exponent(&bytes[mark + 1..])? } else { 0 };
        let digits = Digits::scan(&bytes[..mark])?;
        let Some(first) = digits.first else { return Ok(Number::ZERO) };
        // Saturating: a literal may have any length and any exponent, and far out of range stays out of range.
        let magnitude = exponent.saturating_add(first);
        if magnitude > i64::from(MAGNITUDE_MAX) {
            return Err(NumberError::Overflow);
        }
        if magnitude < i64::from(MAGNITUDE_MIN) {
            return Err(NumberError::Underflow);
        }
        let coefficient = digits.coefficient.ok_or(NumberError::Precision)?;
        let exponent = i16::try_from(exponent + digits.last).map_err(|_| NumberError::Precision)?;
        Ok(Number { negative, exponent, coefficient })
    }

    /// The exact sum. Errors: the result is out of range or needs more than 38 digits.
    pub fn checked_add(self, other: Number) -> Result<Number, NumberError> {
        if self.is_zero() {
            return Ok(other);
        }
        if other.is_zero() {
            return Ok(self);
        }
        let (high, low) = if self.exponent >= other.exponent { (self, other) } else { (other, self) };
        let shift = u32::from(high.exponent.abs_diff(low.exponent));
        // The low number's last digit is not zero and stays the last digit of the result. Where the high one, written
        // down to that digit, does not fit in 128 bits, the result has more than 38 digits whatever its sign.
        let scaled = 10u128
            .checked_pow(shift)
            .and_then(|power| high.coefficient.checked_mul(power))
            .ok_or(NumberError::Precision)?;
        let (negative, coefficient) = if high.negative == low.negative {
            (high.negative, scaled.checked_add(low.coefficient).ok_or(NumberError::Precision)?)
        } else if scaled >= low.coefficient {
            (high.negative, scaled - low.coefficient)
        } else {
            (low.negative, low.coefficient - scaled)
        };
        Number::from_parts(negative, coefficient, i32::from(low.exponent))
    }

    /// The exact difference. Errors as [`Number::checked_add`].
    pub fn checked_sub(self, other: Number) -> Result<Number, NumberError> {
        self.checked_add(other.negated())
    }

    #[must_use]
    pub fn is_zero(self) -> bool {
        self.coefficient == 0
    }

    #[must_use]
    pub fn is_negative(self) -> bool {
        self.negative
    }

    /// The number with its sign turned; zero stays zero.
    #[must_use]
    pub fn negated(self) -> Number {
        Number { negative: !self.negative && !self.is_zero(), ..self }
    }

    /// The nearest `f64`, for charts and logs, never for arithmetic.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        format!("{}{}e{}", if self.negative { "-" } else { "" }, self.coefficient, self.exponent)
            .parse()
            .expect("digits, an e and an exponent are a float")
    }

    /// The value as an integer, where it is one and fits.
    #[must_use]
    pub fn to_i64(self) -> Option<i64> {
        let power = 10i128.checked_pow(u32::try_from(self.exponent).ok()?)?;
        let magnitude = i128::try_from(self.coefficient).ok()?.checked_mul(power)?;
        i64::try_from(if self.negative { -magnitude } else { magnitude }).ok()
    }

    /// Significant digits, 1 for zero.
    #[must_use]
    pub fn digits(self) -> u32 {
        count_digits(self.coefficient)
    }

    /// Power of ten of the first digit; 0 for zero.
    #[must_use]
    pub fn magnitude(self) -> i32 {
        if self.is_zero() { 0 } else { i32::from(self.exponent) + self.digits() as i32 - 1 }
    }

    /// `(negative, coefficient, exponent of its last digit)`.
    pub(crate) fn parts(self) -> (bool, u128, i16) {
        (self.negative, self.coefficient, self.exponent)
    }

    /// Normalises and checks range and digits.
    pub(crate) fn from_parts(negative: bool, mut coefficient: u128, mut exponent: i32) -> Result<Number, NumberError> {
        if coefficient == 0 {
            return Ok(Number::ZERO);
        }
        while coefficient.is_multiple_of(10) {
            coefficient /= 10;
            exponent += 1;
        }
        let digits = count_digits(coefficient);
        let magnitude = exponent.saturating_add(digits as i32 - 1);
        if magnitude > MAGNITUDE_MAX {
            return Err(NumberError::Overflow);
        }
        if magnitude < MAGNITUDE_MIN {
            return Err(NumberError::Underflow);
        }
        if digits > DIGITS_MAX {
            return Err(NumberError::Precision);
        }
        let exponent = i16::try_from(exponent).expect("a magnitude in range and 38 digits bound the exponent");
        Ok(Number { negative, exponent, coefficient })
    }

    /// Appends an encoding whose byte order is the numeric order, self-delimiting, at most 21 bytes.
    ///
    /// Sign (1 negative, 2 zero, 3 positive); magnitude + 130; pairs of digits from the first on, each as
    /// twice the pair, plus one when another follows. All but the sign is complemented in negative numbers.
    pub fn encode_ordered(self, out: &mut Vec<u8>) {
        let (bytes, length) = self.ordered();
        out.extend_from_slice(&bytes[..length]);
    }

    /// The ordered encoding without a heap: the buffer and how much of it counts.
    pub(crate) fn ordered(self) -> ([u8; ORDERED_BYTES_MAX], usize) {
        let mut bytes = [0; ORDERED_BYTES_MAX];
        if self.is_zero() {
            bytes[0] = 2;
            return (bytes, 1);
        }
        bytes[0] = 3;
        bytes[1] = u8::try_from(self.magnitude() - MAGNITUDE_MIN).expect("the range has 256 magnitudes");
        let digits = self.digits();
        let pairs = digits.div_ceil(2) as usize;
        let mut rest = if digits.is_multiple_of(2) { self.coefficient } else { self.coefficient * 10 };
        for at in (0..pairs).rev() {
            bytes[2 + at] = (rest % 100) as u8 * 2 + u8::from(at + 1 < pairs);
            rest /= 100;
        }
        if self.negative {
            bytes[0] = 1;
            for byte in &mut bytes[1..2 + pairs] {
                *byte = !*byte;
            }
        }
        (bytes, 2 + pairs)
    }

    /// Reads one ordered encoding from the front of `bytes`; answers the rest.
    #[must_use]
    pub fn decode_ordered(bytes: &[u8]) -> Option<(Number, &[u8])> {
        let (&sign, rest) = bytes.split_first()?;
        let flip = match sign {
            1 => 0xff,
            2 => return Some((Number::ZERO, rest)),
            3 => 0,
            _ => return None,
        };
        let (&magnitude, mut rest) = rest.split_first()?;
        let mut coefficient = 0u128;
        let mut pairs = 0;
        let last = loop {
            let (&byte, tail) = rest.split_first()?;
            rest = tail;
            let byte = byte ^ flip;
            let pair = byte >> 1;
            pairs += 1;
            if pair > 99 || pairs > 19 || (pairs == 1 && pair < 10) {
                return None;
            }
            coefficient = coefficient * 100 + u128::from(pair);
            if byte & 1 == 0 {
                break pair;
            }
        };
        if last == 0 {
            return None;
        }
        let mut digits = pairs * 2;
        if last.is_multiple_of(10) {
            coefficient /= 10;
            digits -= 1;
        }
        let exponent = i16::from(magnitude ^ flip) + MAGNITUDE_MIN as i16 - digits + 1;
        Some((Number { negative: flip != 0, exponent, coefficient }, rest))
    }
}

/// What one pass over a literal's digits finds.
struct Digits {
    /// `None`: more than 38 significant digits.
    coefficient: Option<u128>,
    /// Power of ten, before the exponent, of the first digit that is not zero; `None`: all are.
    first: Option<i64>,
    /// Power of ten, before the exponent, of the last digit that is not zero.
    last: i64,
}

impl Digits {
    /// Reads `digits[.digits]` with at least one digit. Zeros count only once another digit follows them.
    fn scan(text: &[u8]) -> Result<Digits, NumberError> {
        let point = text.iter().position(|&byte| byte == b'.').unwrap_or(text.len());
        let (whole, fraction) = (&text[..point], text.get(point + 1..).unwrap_or_default());
        if whole.is_empty() && fraction.is_empty() {
            return Err(NumberError::Format);
        }
        let mut power = whole.len() as i64;
        let mut found = Digits { coefficient: Some(0), first: None, last: 0 };
        let mut zeros = 0u32;
        for &byte in whole.iter().chain(fraction) {
            if !byte.is_ascii_digit() {
                return Err(NumberError::Format);
            }
            power -= 1;
            if byte == b'0' {
                zeros = zeros.saturating_add(1);
                continue;
            }
            let first = *found.first.get_or_insert(power);
            // Zeros before the first digit multiply nothing.
            let shift = if first == power { 1 } else { zeros + 1 };
            found.coefficient = match found.coefficient {
                Some(before) if first - power < i64::from(DIGITS_MAX) => {
                    Some(before * 10u128.pow(shift) + u128::from(byte - b'0'))
                }
                _ => None,
            };
            found.last = power;
            zeros = 0;
        }
        Ok(found)
    }
}

fn sign(text: &[u8]) -> (bool, &[u8]) {
    match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    }
}

/// The digits after `e`; an exponent past what counts saturates, with room left to add a digit's power to it.
fn parse_exponent(text: &[u8]) -> Result<i64, NumberError> {
    let (negative, digits) = sign(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(NumberError::Format);
    }
    let limit = i64::MAX / 4;
    let value = digits
        .iter()
        .fold(0i64, |value, digit| value.saturating_mul(10).saturating_add(i64::from(digit - b'0')).min(limit));
    Ok(if negative { -value } else { value })
}

/// Decimal digits; 1 for zero.
fn count_digits(coefficient: u128) -> u32 {
    coefficient.checked_ilog10().map_or(1, |power| power + 1)
}

impl From<i64> for Number {
    fn from(value: i64) -> Number {
        Number::from_parts(value < 0, u128::from(value.unsigned_abs()), 0).expect("19 digits are in range")
    }
}

impl From<u64> for Number {
    fn from(value: u64) -> Number {
        Number::from_parts(false, u128::from(value), 0).expect("20 digits are in range")
    }
}

impl std::str::FromStr for Number {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Number, NumberError> {
        Number::parse(text)
    }
}

/// As DynamoDB writes a number back: plain digits, never an exponent.
impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut buffer = [0u8; DIGITS_MAX as usize];
        let digits = self.write_digits(&mut buffer);
        // The text's longest forms: 126 digits; a sign, "0.", 129 zeros and 38 digits.
        let mut text = String::with_capacity(digits.len() + 4 + usize::from(self.exponent.unsigned_abs()));
        if self.negative {
            text.push('-');
        }
        let zeros = |text: &mut String, count: usize| text.extend(std::iter::repeat_n('0', count));
        let point = digits.len() as i32 + i32::from(self.exponent);
        if self.exponent >= 0 {
            text.push_str(digits);
            zeros(&mut text, self.exponent as usize);
        } else if point > 0 {
            let (whole, fraction) = digits.split_at(point as usize);
            text.push_str(whole);
            text.push('.');
            text.push_str(fraction);
        } else {
            text.push_str("0.");
            zeros(&mut text, point.unsigned_abs() as usize);
            text.push_str(digits);
        }
        f.pad(&text)
    }
}

impl Number {
    /// The coefficient's decimal digits.
    fn write_digits(self, buffer: &mut [u8; DIGITS_MAX as usize]) -> &str {
        let mut at = buffer.len();
        let mut rest = self.coefficient;
        // 128-bit division is slow; the last 19 digits and most numbers need only 64 bits.
        while let Err(_wide) = u64::try_from(rest) {
            at -= 1;
            buffer[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        let mut rest = rest as u64;
        loop {
            at -= 1;
            buffer[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        std::str::from_utf8(&buffer[at..]).expect("decimal digits are ASCII")
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Number) -> Ordering {
        let rank = |number: &Number| match (number.is_zero(), number.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        match rank(self).cmp(&rank(other)) {
            Ordering::Equal if self.negative => compare_magnitudes(other, self),
            Ordering::Equal => compare_magnitudes(self, other),
            different => different,
        }
    }
}

fn compare_magnitudes(left: &Number, right: &Number) -> Ordering {
    left.magnitude().cmp(&right.magnitude()).then_with(|| {
        // Same first power: brought to the same count of digits the coefficients compare as integers.
        let align = |number: &Number, other: &Number| {
            number.coefficient * 10u128.pow(other.digits().saturating_sub(number.digits()))
        };
        align(left, right).cmp(&align(right, left))
    })
}

#[cfg(test)]
pub(crate) use tests::any_number;

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    /// Numbers of all lengths and magnitudes.
    pub(crate) fn any_number() -> impl Strategy<Value = Number> {
        let coefficient = prop_oneof![0u128..1000, 0u128..10u128.pow(20), 0u128..10u128.pow(38)];
        let exponent = prop_oneof![Just(0), -3i32..3, -40i32..40, -130i32..88];
        (any::<bool>(), coefficient, exponent).prop_filter_map("in range", |(negative, digits, exponent)| {
            Number::from_parts(negative, digits, exponent).ok()
        })
    }

    fn check(text: &str, expected: Expect) {
        expected.assert_eq(&match Number::parse(text) {
            Ok(number) => number.to_string(),
            Err(error) => error.aws_message(text),
        });
    }

    #[test]
    fn literals_come_back_in_plain_notation() {
        check("0", expect!["0"]);
        check("-0", expect!["0"]);
        check("0e1000", expect!["0"]);
        check("+5", expect!["5"]);
        check("1.", expect!["1"]);
        check(".5", expect!["0.5"]);
        check("-.5", expect!["-0.5"]);
        check("0001.2300", expect!["1.23"]);
        check("1e5", expect!["100000"]);
        check("1E-10", expect!["0.0000000001"]);
        check("-17.4E3", expect!["-17400"]);
        check("1e+5", expect!["100000"]);
        check("12345678901234567890123456789012345678", expect!["12345678901234567890123456789012345678"]);
        check("0.000012345678901234567890123456789012345678", expect!["0.000012345678901234567890123456789012345678"]);
        check(
            "1000000000000000000000000000000000000000000000",
            expect!["1000000000000000000000000000000000000000000000"],
        );
        assert_eq!(Number::parse("9.9e125").expect("in range").to_string().len(), 126);
        assert_eq!(Number::parse("1e-130").expect("in range").to_string().len(), 132);
        assert_eq!(Number::parse(&format!("{}1.5", "0".repeat(5000))).expect("in range").to_string(), "1.5");
        assert_eq!(Number::parse(&format!("1{}e-5000", "0".repeat(5000))).expect("in range").to_string(), "1");
    }

    #[test]
    fn what_is_no_number_is_refused_in_aws_words() {
        let format = expect!["The parameter cannot be converted to a numeric value: 1 "];
        check("1 ", format);
        check("", expect!["The parameter cannot be converted to a numeric value"]);
        for text in
            [" 1", "NaN", "Infinity", ".", "-", "+", "e5", "1e", "1e+", "1.2.3", "--1", "1_0", "0x10", "1e1.5", "١"]
        {
            assert_eq!(Number::parse(text), Err(NumberError::Format), "{text}");
        }
        check(
            "1e126",
            expect!["Number overflow. Attempting to store a number with magnitude larger than supported range"],
        );
        check(
            "0.9e-130",
            expect!["Number underflow. Attempting to store a number with magnitude smaller than supported range"],
        );
        check(
            "3.14159265358979323846264338327950288419",
            expect!["Attempting to store more than 38 significant digits in a Number"],
        );
        assert_eq!(Number::parse("-11e125"), Err(NumberError::Overflow));
        assert_eq!(Number::parse("1e99999999999999999999"), Err(NumberError::Overflow));
        assert_eq!(Number::parse("1e-99999999999999999999"), Err(NumberError::Underflow));
    }

    fn number(text: &str) -> Number {
        Number::parse(text).expect("a test number")
    }

    #[test]
    fn arithmetic_is_exact_or_refused() {
        assert_eq!(number("0.1").checked_add(number("0.2")), Ok(number("0.3")));
        assert_eq!(number("1").checked_add(number("1e22")), Ok(number("10000000000000000000001")));
        assert_eq!(number("1e38").checked_sub(number("1")), Ok(number(&"9".repeat(38))));
        assert_eq!(number("1e38").checked_add(number("1")), Err(NumberError::Precision));
        assert_eq!(number("1e50").checked_sub(number("1")), Err(NumberError::Precision));
        assert_eq!(number("1e125").checked_add(number("1e-130")), Err(NumberError::Precision));
        assert_eq!(number("9e125").checked_add(number("9e125")), Err(NumberError::Overflow));
        assert_eq!(number("1.1e-130").checked_sub(number("1e-130")), Err(NumberError::Underflow));
        assert_eq!(number(&"9".repeat(38)).checked_add(number("1")), Ok(number("1e38")));
        assert_eq!(number("5").checked_sub(number("5")), Ok(Number::ZERO));
        assert_eq!(number("-7").to_i64(), Some(-7));
        assert_eq!(number("1.5").to_i64(), None);
        assert_eq!(number("-1.5e3").to_f64(), -1500.0);
    }

    #[test]
    fn ordered_bytes_are_frozen() {
        let bytes = |text: &str| {
            let mut out = Vec::new();
            number(text).encode_ordered(&mut out);
            out.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        expect!["02"].assert_eq(&bytes("0"));
        expect!["038214"].assert_eq(&bytes("1"));
        expect!["017deb"].assert_eq(&bytes("-1"));
        expect!["03851946"].assert_eq(&bytes("1235"));
        expect!["03ffc7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c6"].assert_eq(&bytes(&format!("{}e88", "9".repeat(38))));
        expect!["030014"].assert_eq(&bytes("1e-130"));
    }

    #[test]
    fn a_malformed_encoding_is_refused() {
        for bytes in [
            &[][..],
            &[0],
            &[4, 0, 20],
            &[3],
            &[3, 130],
            &[3, 130, 21],
            &[3, 130, 2],
            &[3, 130, 200],
            &[3, 130, 21, 0],
            &[[3, 130].as_slice(), &[21; 30]].concat(),
        ] {
            assert_eq!(Number::decode_ordered(bytes), None, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn byte_order_is_numeric_order_and_decodes_back(left in any_number(), right in any_number(), tail in any::<u8>()) {
            let encode = |number: Number| {
                let mut out = Vec::new();
                number.encode_ordered(&mut out);
                out
            };
            let (a, b) = (encode(left), encode(right));
            prop_assert_eq!(a.cmp(&b), left.cmp(&right));
            prop_assert!(a == b || !a.starts_with(&b), "self-delimiting");
            let followed = [a.as_slice(), &[tail]].concat();
            prop_assert_eq!(Number::decode_ordered(&followed), Some((left, &[tail][..])));
        }

        #[test]
        fn order_agrees_with_exact_subtraction(left in any_number(), right in any_number()) {
            if let Ok(difference) = left.checked_sub(right) {
                let sign = if difference.is_zero() { Ordering::Equal } else if difference.is_negative() { Ordering::Less } else { Ordering::Greater };
                prop_assert_eq!(left.cmp(&right), sign);
            }
        }

        #[test]
        fn what_is_displayed_parses_to_the_same_number(number in any_number()) {
            prop_assert_eq!(Number::parse(&number.to_string()), Ok(number));
        }

        #[test]
        fn any_text_is_answered(text in "[-+]?[0-9]{0,50}[.]?[0-9]{0,50}([eE][-+]?[0-9]{0,25})?|.{0,20}") {
            let _ = Number::parse(&text);
        }
    }
}

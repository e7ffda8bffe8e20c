//! Sums wider than a number: exact at any count and order of additions and retractions.

use crate::{Number, NumberError, number::DIGITS_MAX};
use num_bigint::{BigInt, BigUint, Sign};

/// An exact sum of any count of [`Number`]s: adding and later subtracting the same number leaves no trace.
///
/// Normalised, so that equal sums are equal and have equal bytes: no trailing zeros in the coefficient, zero has
/// exponent 0, and a coefficient of 127 bits or less is never kept as a big integer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WideSum {
    coefficient: Coefficient,
    /// Power of ten of the coefficient's last digit.
    exponent: i32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Coefficient {
    Small(i128),
    Big(BigInt),
}

impl Default for Coefficient {
    fn default() -> Coefficient {
        Coefficient::Small(0)
    }
}

impl Coefficient {
    fn into_big(self) -> BigInt {
        match self {
            Coefficient::Small(value) => BigInt::from(value),
            Coefficient::Big(value) => value,
        }
    }
}

impl WideSum {
    pub fn add(&mut self, number: Number) {
        let (negative, coefficient, exponent) = number.parts();
        let coefficient = i128::try_from(coefficient).expect("38 digits fit in 127 bits");
        self.add_scaled(if negative { -coefficient } else { coefficient }, i32::from(exponent));
    }

    pub fn subtract(&mut self, number: Number) {
        self.add(number.negated());
    }

    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.coefficient == Coefficient::Small(0)
    }

    fn add_scaled(&mut self, coefficient: i128, exponent: i32) {
        if coefficient == 0 {
            return;
        }
        if self.is_zero() {
            // The other's scale: no shift past 38 digits where nothing is there to align with.
            self.exponent = exponent;
        }
        let common = self.exponent.min(exponent);
        let (shift, other_shift) = (self.exponent.abs_diff(common), exponent.abs_diff(common));
        let small = match self.coefficient {
            Coefficient::Small(value) => {
                shift_small(value, shift).zip(shift_small(coefficient, other_shift)).and_then(|(a, b)| a.checked_add(b))
            }
            Coefficient::Big(_) => None,
        };
        match small {
            Some(value) => self.set_small(value, common),
            None => {
                let big = std::mem::take(&mut self.coefficient).into_big() * power_of_ten(shift)
                    + BigInt::from(coefficient) * power_of_ten(other_shift);
                self.set_big(big, common);
            }
        }
    }

    fn set_small(&mut self, mut value: i128, mut exponent: i32) {
        if value == 0 {
            *self = WideSum::default();
            return;
        }
        // 64-bit division is many times faster, and most sums fit.
        if let Ok(mut narrow) = i64::try_from(value) {
            while narrow % 10 == 0 {
                narrow /= 10;
                exponent += 1;
            }
            value = i128::from(narrow);
        }
        while value % 10 == 0 {
            value /= 10;
            exponent += 1;
        }
        *self = WideSum { coefficient: Coefficient::Small(value), exponent };
    }

    fn set_big(&mut self, value: BigInt, exponent: i32) {
        if let Ok(small) = i128::try_from(&value) {
            return self.set_small(small, exponent);
        }
        let zeros = trailing_zeros(value.magnitude());
        let value = if zeros == 0 { value } else { value / power_of_ten(zeros) };
        let exponent = exponent + i32::try_from(zeros).expect("a sum has fewer than 2^31 digits");
        self.coefficient = match i128::try_from(&value) {
            Ok(small) => Coefficient::Small(small),
            Err(_) => Coefficient::Big(value),
        };
        self.exponent = exponent;
    }

    /// The sum rounded half-even to 38 digits. Errors: overflow (a sum may exceed a Number's range), underflow.
    pub fn rounded(&self) -> Result<Number, NumberError> {
        if let Coefficient::Small(value) = self.coefficient
            && let Ok(number) = Number::from_parts(value < 0, value.unsigned_abs(), self.exponent)
        {
            return Ok(number);
        }
        let big = self.coefficient.clone().into_big();
        round(big.sign() == Sign::Minus, big.magnitude(), self.exponent, false)
    }

    /// The sum divided by `count`, rounded half-even to 38 digits. Errors as [`WideSum::rounded`].
    ///
    /// # Panics
    /// When `count` is zero.
    pub fn mean(&self, count: u64) -> Result<Number, NumberError> {
        assert!(count != 0, "a mean needs at least one number");
        if self.is_zero() {
            return Ok(Number::ZERO);
        }
        // 60 more digits: after division by at most 20 digits, 40 or more are left to round.
        const MORE: u32 = 60;
        let big = self.coefficient.clone().into_big();
        let scaled = big.magnitude() * BigUint::from(10u8).pow(MORE);
        let count = BigUint::from(count);
        let quotient = &scaled / &count;
        let sticky = &quotient * &count != scaled;
        round(big.sign() == Sign::Minus, &quotient, self.exponent - MORE as i32, sticky)
    }

    /// Appends a stable binary form, for a view's state on disk: version and sign, exponent (i32 big-endian),
    /// length of the magnitude (u16 big-endian), magnitude (big-endian, no leading zeros). Equal sums, equal bytes.
    ///
    /// # Panics
    /// When the sum has more than 65,535 bytes: no count of 64 bits brings 38-digit numbers there.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let big = self.coefficient.clone().into_big();
        let magnitude = if self.is_zero() { Vec::new() } else { big.magnitude().to_bytes_be() };
        let length = u16::try_from(magnitude.len()).expect("a sum of numbers has a few hundred digits");
        out.push(VERSION << 1 | u8::from(big.sign() == Sign::Minus));
        out.extend_from_slice(&self.exponent.to_be_bytes());
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&magnitude);
    }

    /// Reads what `encode` wrote from the front of `bytes`; answers the rest.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<(WideSum, &[u8])> {
        let (&head, rest) = bytes.split_first()?;
        let (exponent, rest) = rest.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (magnitude, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        let exponent = i32::from_be_bytes(*exponent);
        let sign = match (head.checked_sub(VERSION << 1)?, magnitude.first()) {
            (0, None) if exponent == 0 => Sign::NoSign,
            (0, Some(1..)) => Sign::Plus,
            (1, Some(1..)) => Sign::Minus,
            _ => return None,
        };
        // No sum's digits lie outside; a bound here keeps later additions from aligning across billions of zeros.
        if !(-200..=200).contains(&exponent) {
            return None;
        }
        let mut sum = WideSum::default();
        sum.set_big(BigInt::from_bytes_be(sign, magnitude), exponent);
        (sum.exponent == exponent).then_some((sum, rest))
    }
}

const VERSION: u8 = 1;

fn shift_small(value: i128, shift: u32) -> Option<i128> {
    if shift == 0 { Some(value) } else { value.checked_mul(10i128.checked_pow(shift)?) }
}

fn power_of_ten(power: u32) -> BigInt {
    BigInt::from(10).pow(power)
}

/// Trailing decimal zeros of a magnitude that is not zero.
fn trailing_zeros(magnitude: &BigUint) -> u32 {
    // Ten has one factor two: an odd number, half of all, is done without a division.
    if magnitude.trailing_zeros().unwrap_or(0) == 0 {
        return 0;
    }
    let digits = magnitude.to_radix_be(10);
    digits.iter().rev().take_while(|&&digit| digit == 0).count() as u32
}

/// Rounds half-even to 38 digits; `sticky`: there is more below the last digit.
fn round(negative: bool, magnitude: &BigUint, exponent: i32, sticky: bool) -> Result<Number, NumberError> {
    let digits = magnitude.to_radix_be(10);
    let keep = digits.len().min(DIGITS_MAX as usize);
    let (kept, dropped) = digits.split_at(keep);
    let mut coefficient = kept.iter().fold(0u128, |value, &digit| value * 10 + u128::from(digit));
    let more = |rest: &[u8]| sticky || rest.iter().any(|&digit| digit != 0);
    let up = match dropped.split_first() {
        None => false,
        Some((0..=4, _)) => false,
        Some((5, rest)) => more(rest) || coefficient % 2 == 1,
        Some(_) => true,
    };
    coefficient += u128::from(up);
    let exponent = exponent.saturating_add(i32::try_from(dropped.len()).map_err(|_| NumberError::Overflow)?);
    Number::from_parts(negative, coefficient, exponent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::any_number;
    use proptest::prelude::*;

    fn sum(numbers: &[&str]) -> WideSum {
        let mut sum = WideSum::default();
        for number in numbers {
            sum.add(Number::parse(number).expect("a test number"));
        }
        sum
    }

    fn bytes(sum: &WideSum) -> Vec<u8> {
        let mut out = Vec::new();
        sum.encode(&mut out);
        out
    }

    #[test]
    fn sums_round_half_even_to_38_digits() {
        let rounded = |numbers: &[&str]| sum(numbers).rounded().map(|number| number.to_string());
        assert_eq!(rounded(&["0.1", "0.2"]).as_deref(), Ok("0.3"));
        assert_eq!(rounded(&["1e38", "0.5"]), Ok(format!("1{}", "0".repeat(38))));
        let nines = "9".repeat(38);
        assert_eq!(rounded(&[&nines, "0.5"]), Ok(format!("1{}", "0".repeat(38))));
        assert_eq!(
            rounded(&["12345678901234567890123456789012345678", "0.5"]).as_deref(),
            Ok("12345678901234567890123456789012345678")
        );
        assert_eq!(
            rounded(&["12345678901234567890123456789012345678", "0.51"]).as_deref(),
            Ok("12345678901234567890123456789012345679")
        );
        assert_eq!(
            rounded(&["12345678901234567890123456789012345679", "0.5"]).as_deref(),
            Ok("12345678901234567890123456789012345680")
        );
        assert_eq!(
            rounded(&["-12345678901234567890123456789012345679", "-0.5"]).as_deref(),
            Ok("-12345678901234567890123456789012345680")
        );
        assert_eq!(rounded(&["9e125", "9e125"]), Err(NumberError::Overflow));
        assert_eq!(rounded(&["9e125", "9e125", "-9e125"]), Ok(format!("9{}", "0".repeat(125))));
        assert_eq!(rounded(&["1e125", "1e-130", "-1e125"]), Ok(Number::parse("1e-130").expect("in range").to_string()));
    }

    #[test]
    fn means_round_half_even_to_38_digits() {
        let mean = |numbers: &[&str], count| sum(numbers).mean(count).map(|number| number.to_string());
        assert_eq!(mean(&["1", "2"], 2).as_deref(), Ok("1.5"));
        assert_eq!(mean(&["1"], 3), Ok(format!("0.{}", "3".repeat(38))));
        assert_eq!(mean(&["2"], 3), Ok(format!("0.{}7", "6".repeat(37))));
        assert_eq!(mean(&["-2"], 3), Ok(format!("-0.{}7", "6".repeat(37))));
        assert_eq!(mean(&[], 5).as_deref(), Ok("0"));
        assert_eq!(mean(&["9e125", "9e125"], 2), Ok(format!("9{}", "0".repeat(125))));
        assert_eq!(
            mean(&["1"], u64::MAX).as_deref(),
            Ok("0.000000000000000000054210108624275221703311375920552804341")
        );
    }

    #[test]
    fn bytes_are_frozen_and_malformed_ones_refused() {
        assert_eq!(bytes(&WideSum::default()), [2, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes(&sum(&["-1234.5"])), [3, 0xff, 0xff, 0xff, 0xff, 0, 2, 0x30, 0x39]);
        let good = bytes(&sum(&["12345"]));
        for cut in 0..good.len() {
            assert_eq!(WideSum::decode(&good[..cut]), None);
        }
        for bad in [
            [2, 0, 0, 0, 0, 0, 1, 0].as_slice(),
            &[2, 0, 0, 0, 0, 0, 1, 10],
            &[3, 0, 0, 0, 0, 0, 0],
            &[2, 0, 0, 0, 1, 0, 0],
            &[2, 127, 0, 0, 0, 0, 1, 1],
        ] {
            assert_eq!(WideSum::decode(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn adding_and_taking_back_in_any_order_leaves_no_trace(
            kept in proptest::collection::vec(any_number(), 0..8),
            (passing, shuffled) in proptest::collection::vec(any_number(), 0..12)
                .prop_flat_map(|numbers| (Just(numbers.clone()), Just(numbers).prop_shuffle())),
        ) {
            let mut straight = WideSum::default();
            for &number in kept.iter().rev() {
                straight.add(number);
            }
            let mut round_trip = WideSum::default();
            for &number in passing.iter().chain(&kept) {
                round_trip.add(number);
            }
            for &number in &shuffled {
                round_trip.subtract(number);
            }
            prop_assert_eq!(&round_trip, &straight);
            let encoded = bytes(&round_trip);
            prop_assert_eq!(&encoded, &bytes(&straight));
            let followed = [encoded.as_slice(), &[7]].concat();
            prop_assert_eq!(WideSum::decode(&followed), Some((straight, &[7][..])));
        }

        #[test]
        fn a_sum_of_two_agrees_with_number_addition(left in any_number(), right in any_number()) {
            let mut sum = WideSum::default();
            sum.add(left);
            sum.add(right);
            if let Ok(exact) = left.checked_add(right) {
                prop_assert_eq!(sum.rounded(), Ok(exact));
            }
        }

        #[test]
        fn the_mean_of_equal_numbers_is_the_number(number in any_number(), count in 1u64..50) {
            let mut sum = WideSum::default();
            for _ in 0..count {
                sum.add(number);
            }
            prop_assert_eq!(sum.mean(count), Ok(number));
        }
    }
}

//! Products modulo the prime of the group, in constant time. Spec: wire.md 8.1.
//!
//! A number is thirteen limbs of 60 bits, in Montgomery form: times 2^780, modulo the prime. With 60 bits a column of
//! a product fits into 128 without a carry, so each step is one multiplication and one addition. `crypto-bigint`, whose
//! limbs use all 64 bits, needs 3,000 instructions for a product of two such numbers, this file 1,800. It computes what
//! is constant, when this crate is compiled, and the tests compare all results with it.

use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{Odd, U768, Word};

/// The prime of Oakley group 1. Spec: wire.md 8.1.
pub(super) const PRIME: Odd<U768> = Odd::<U768>::from_be_hex(
    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd1\
     29024e088a67cc74020bbea63b139b22514a08798e3404dd\
     ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245\
     e485b576625e7ec6f44c42e9a63a3620ffffffffffffffff",
);
pub(super) const PARAMETERS: FixedMontyParams<{ U768::LIMBS }> =
    FixedMontyParams::new_vartime(PRIME);

const LIMBS: usize = 13;
const LIMB_BITS: u32 = 60;
const MASK: u64 = (1 << LIMB_BITS) - 1;

/// A number below twice the prime, the lowest limb first. In this range no product needs a comparison with the prime:
/// 2^780 is more than four times the prime, so the reduced product of two such numbers is one again.
pub(super) type Number = [u64; LIMBS];

/// The prime itself, which is not in Montgomery form.
static MODULUS: Number = limbs(PRIME.as_ref());
/// The number 1 in Montgomery form.
pub(super) const ONE: Number = to_montgomery(&U768::ONE);
/// Its product with a number that is not in Montgomery form is that number's Montgomery form.
static TO_MONTGOMERY: Number = to_montgomery(&times_radix(&U768::ONE));

/// Returns the Montgomery form of a number below the prime.
pub(super) fn enter(number: &U768) -> Number {
    debug_assert!(number < PRIME.as_ref(), "only numbers below the prime");
    multiply(&limbs(number), &TO_MONTGOMERY)
}

/// Returns the number, below the prime, of a Montgomery form that is not 0.
pub(super) fn leave(number: &Number) -> U768 {
    let mut one = [0; LIMBS];
    if let Some(lowest) = one.first_mut() {
        *lowest = 1;
    }
    let limbs = multiply(number, &one);
    let result = limbs.iter().rev().fold(U768::ZERO, |result, limb| {
        result.shl_vartime(LIMB_BITS) | U768::from_u64(*limb)
    });
    // A product with 1 is at most the prime, and equal to it only for 0.
    debug_assert!(result < *PRIME.as_ref(), "0 is not in the group");
    result
}

/// Multiplies two numbers in Montgomery form.
pub(super) fn multiply(left: &Number, right: &Number) -> Number {
    let mut columns = [0; 2 * LIMBS];
    for (at, factor) in left.iter().enumerate() {
        add_products(columns.iter_mut().skip(at), *factor, right.iter());
    }
    reduce(&mut columns)
}

/// Adds a multiple of a number to columns.
#[inline(always)]
fn add_products<'a>(
    columns: impl Iterator<Item = &'a mut u128>,
    factor: u64,
    limbs: impl Iterator<Item = &'a u64>,
) {
    for (column, limb) in columns.zip(limbs) {
        // A column has at most 13 products of two numbers and 13 of a multiple of the prime, each below 2^120.
        *column += u128::from(factor) * u128::from(*limb);
    }
}

/// Divides a product by 2^780, modulo the prime: adds multiples of the prime until the lower half is 0.
#[inline(always)]
fn reduce(columns: &mut [u128; 2 * LIMBS]) -> Number {
    let mut carry = 0;
    for at in 0..LIMBS {
        let Some((column, higher)) = columns.get_mut(at..).and_then(<[_]>::split_first_mut) else {
            break;
        };
        let sum = *column + carry;
        // The lowest limb of the prime is 2^60 - 1, so this many primes make the limb of this column 0, and the product
        // with that limb is this number one column higher, less the number here.
        let factor = sum as u64 & MASK;
        carry = (sum >> LIMB_BITS) + u128::from(factor);
        add_products(higher.iter_mut(), factor, MODULUS.iter().skip(1));
    }
    let mut result = [0; LIMBS];
    for (limb, column) in result.iter_mut().zip(columns.iter().skip(LIMBS)) {
        let sum = *column + carry;
        *limb = sum as u64 & MASK;
        carry = sum >> LIMB_BITS;
    }
    debug_assert_eq!(carry, 0, "the result is below twice the prime");
    result
}

/// Computes a Montgomery form, for constants.
pub(super) const fn to_montgomery(number: &U768) -> Number {
    limbs(&times_radix(number))
}

/// Multiplies by 2^780, for constants.
const fn times_radix(number: &U768) -> U768 {
    // The Montgomery form of `crypto-bigint` has the factor 2^768.
    let rest = U768::from_u16(1 << 12);
    *FixedMontyForm::new(number, &PARAMETERS)
        .mul(&FixedMontyForm::new(&rest, &PARAMETERS))
        .as_montgomery()
}

/// Splits a number into limbs.
#[allow(clippy::unnecessary_cast, reason = "a word may have 32 bits")]
#[allow(
    clippy::indexing_slicing,
    reason = "constants need it, and the compiler sees that no index is out of range"
)]
const fn limbs(number: &U768) -> Number {
    let mut limbs = [0; LIMBS];
    let mut at = 0;
    while at < LIMBS {
        let rest = number.shr_vartime(LIMB_BITS * at as u32);
        let words = rest.as_words();
        let mut word = 0;
        while word < (u64::BITS / Word::BITS) as usize {
            limbs[at] |= (words[word] as u64) << (Word::BITS * word as u32);
            word += 1;
        }
        limbs[at] &= MASK;
        at += 1;
    }
    limbs
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use crypto_bigint::U768;
    use crypto_bigint::modular::FixedMontyForm;

    use super::{LIMBS, MASK, MODULUS, Number, ONE, PARAMETERS, PRIME, enter, leave, multiply};
    use crate::random::Random;

    fn form(number: &U768) -> FixedMontyForm<{ U768::LIMBS }> {
        FixedMontyForm::new(number, &PARAMETERS)
    }

    /// The smallest and largest numbers, single bits, long runs of ones, and others.
    fn numbers() -> Vec<U768> {
        let last = PRIME.as_ref().wrapping_sub(&U768::ONE);
        let mut numbers = Vec::from([U768::ONE, U768::from_u8(2), last]);
        for bits in (1..768).step_by(29) {
            let power = U768::ONE.shl_vartime(bits);
            numbers.extend([
                power,
                power.wrapping_sub(&U768::ONE),
                last.wrapping_sub(&power),
            ]);
        }
        let mut random = Random::new([3; 32]);
        for _ in 0..20 {
            let mut bytes = [0; 96];
            random.fill("a test", &mut bytes);
            numbers.push(U768::from_be_slice(&bytes).shr_vartime(1));
        }
        numbers.retain(|number| *number != U768::ZERO);
        numbers
    }

    #[test]
    fn numbers_enter_and_leave_unchanged() {
        assert_eq!(leave(&ONE), U768::ONE);
        for number in numbers() {
            assert_eq!(leave(&enter(&number)), number);
        }
    }

    #[test]
    fn products_are_those_of_crypto_bigint() {
        for left in numbers() {
            for right in numbers() {
                let product = multiply(&enter(&left), &enter(&right));
                let expected = form(&left).mul(&form(&right)).retrieve();
                assert_eq!(leave(&product), expected, "{left} * {right}");
            }
        }
    }

    #[test]
    fn long_chains_of_products_stay_in_range() {
        let (mut ours, mut theirs) = (enter(&U768::from_u8(22)), form(&U768::from_u8(22)));
        for _ in 0..500 {
            let (square, power) = (multiply(&ours, &ours), theirs.square());
            (ours, theirs) = (multiply(&square, &ours), power.mul(&theirs));
            assert_eq!(leave(&ours), theirs.retrieve());
        }
    }

    /// The largest number that a product may have as a factor: twice the prime, less 1.
    fn largest() -> Number {
        let mut limbs = MODULUS.map(|limb| 2 * limb);
        limbs[0] -= 1;
        for at in 1..LIMBS {
            limbs[at] += limbs[at - 1] >> 60;
            limbs[at - 1] &= MASK;
        }
        limbs
    }

    #[test]
    fn factors_need_not_be_reduced() {
        let last = PRIME.as_ref().wrapping_sub(&U768::ONE);
        // It is the form of the same number as the prime less 1.
        let number = leave(&largest());
        assert!(number <= last);
        let product = multiply(&largest(), &largest());
        assert_eq!(leave(&product), form(&number).square().retrieve());
        let other = enter(&last);
        let expected = form(&number).mul(&form(&last)).retrieve();
        assert_eq!(leave(&multiply(&largest(), &other)), expected);
        assert_eq!(leave(&multiply(&other, &largest())), expected);
    }
}

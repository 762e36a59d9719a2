//! RSA keys that must not be trusted, judged by their modulus alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// RFC 7518, section 3.3, wants 2048 bits at least, and NIST SP 800-131A has allowed no less since
/// 2014.
pub const BITS_MIN: usize = 2048;

/// The primes up to 167: each size of key that the faulty library made hides its structure in these
/// at least.
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];
/// What the faulty library raised to a power in place of choosing at random.
const GENERATOR: u32 = 65_537;

/// Why a key is weak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weakness {
    /// So many bits.
    Short(usize),
    /// Made by a library whose keys can be factored: CVE-2017-15361, known as ROCA.
    Roca,
}

impl Weakness {
    /// After "the key …".
    pub fn text(self) -> String {
        match self {
            Self::Short(bits) => format!("has {bits} bits; an RSA key needs {BITS_MIN} at least"),
            Self::Roca => {
                "was made by a library whose keys can be factored (ROCA, CVE-2017-15361); make a new one elsewhere"
                    .to_owned()
            }
        }
    }
}

/// Of a key of a JWK set (RFC 7517). Of a key that is none, or of another kind, nothing is said.
pub fn weakness_of_jwk(jwk: &Value) -> Option<Weakness> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    let modulus = text("n").filter(|_| text("kty") == Some("RSA"))?;
    weakness(&URL_SAFE_NO_PAD.decode(modulus).ok()?)
}

/// Big-endian, zeros before it or not.
pub fn weakness(modulus: &[u8]) -> Option<Weakness> {
    let bits = bits(modulus);
    if bits < BITS_MIN {
        return Some(Weakness::Short(bits));
    }
    PRIMES
        .iter()
        .all(|prime| is_power(remainder(modulus, *prime), *prime))
        .then_some(Weakness::Roca)
}

pub fn bits(modulus: &[u8]) -> usize {
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let first = modulus
        .get(zeros)
        .map_or(0, |byte| byte.leading_zeros() as usize);
    (modulus.len() - zeros) * 8 - first
}

fn remainder(modulus: &[u8], prime: u32) -> u32 {
    modulus.iter().fold(0, |remainder, byte| {
        (remainder * 256 + u32::from(*byte)) % prime
    })
}

/// Such a key leaves a power of the generator at each of the primes, by its making (Nemec, Sys,
/// Svenda, Klinec and Matyas: The Return of Coppersmith's Attack, CCS 2017, section 2.3). Of 240
/// million sound keys one does so by chance.
fn is_power(remainder: u32, prime: u32) -> bool {
    let powers = std::iter::successors(Some(1), |power| Some(power * (GENERATOR % prime) % prime));
    powers.take(prime as usize).any(|power| power == remainder)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two primes of the faulty library's form, multiplied.
    const ROCA: &str = "-55adWADMLuqo1Ln2lFCi8lpZVZ9aM1UYBHAoG4-OqECzPrtA5YVMexj2MksqXm46LfTjSLotoMe3o9QeKM5Me3yhdo8qV6Tuzd4\
        WzLH2qmeRMBZ1D0UeY8ftb8Dg2s3lX3wfJwjZfX9DXig1rG9wJ2YcjIbMHnGywQIo3ZAciUYKe5IFMUhhvuDOi299WW1GUd7_wW3DDl9eTW9eodZqVNVXKYj\
        jr_dCpt9-UTJcdKloo8Dbl1rH7MS2pZWqI0DTwdbwx1m6RnShgURWz76gjPR8OgV10VxFCVghSxW8iel5b6Ag9GF2Y_EP9lRw1pa9_fisHrv98oFrxAg5CrM\
        PQ";

    #[test]
    fn a_key_of_the_faulty_library_is_known_and_one_beside_it_is_not() {
        let mut modulus = URL_SAFE_NO_PAD.decode(ROCA).unwrap();

        assert_eq!(weakness(&modulus), Some(Weakness::Roca));
        assert_eq!(
            weakness(&[&[0, 0], modulus.as_slice()].concat()),
            Some(Weakness::Roca)
        );
        for last in (1..=255)
            .step_by(2)
            .filter(|last| *last != modulus[255])
            .collect::<Vec<u8>>()
        {
            modulus[255] = last;
            assert_eq!(weakness(&modulus), None, "{last}");
        }
    }

    #[test]
    fn a_short_key_is_weak_however_many_zeros_stand_before_it() {
        assert_eq!(weakness(&[0xff; 128]), Some(Weakness::Short(1024)));
        assert_eq!(
            weakness(&[vec![0; 256], vec![0xff; 255]].concat()),
            Some(Weakness::Short(2040))
        );
        assert_eq!(
            weakness(&[vec![0x7f], vec![0xff; 255]].concat()),
            Some(Weakness::Short(2047))
        );
        assert_eq!(weakness(&[0xff; 256]), None);
        assert_eq!(weakness(&[]), Some(Weakness::Short(0)));
    }
}

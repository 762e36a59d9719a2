//! Keys and tokens made with aws-lc alone, so that the tests do not lean on the library under test.

use std::sync::OnceLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
    RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

pub(crate) struct TestKey {
    pub(crate) kid: &'static str,
    pair: Pair,
}

enum Pair {
    /// Shared, because making one takes long.
    Rsa(&'static RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ec384(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl TestKey {
    pub(crate) fn rsa(kid: &'static str) -> Self {
        static PAIR: OnceLock<RsaKeyPair> = OnceLock::new();
        Self {
            kid,
            pair: Pair::Rsa(PAIR.get_or_init(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap())),
        }
    }

    pub(crate) fn ec(kid: &'static str) -> Self {
        Self {
            kid,
            pair: Pair::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()),
        }
    }

    pub(crate) fn ec384(kid: &'static str) -> Self {
        Self {
            kid,
            pair: Pair::Ec384(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap()),
        }
    }

    pub(crate) fn ed(kid: &'static str) -> Self {
        Self {
            kid,
            pair: Pair::Ed(Ed25519KeyPair::generate().unwrap()),
        }
    }

    pub(crate) fn alg(&self) -> &'static str {
        match self.pair {
            Pair::Rsa(_) => "RS256",
            Pair::Ec(_) => "ES256",
            Pair::Ec384(_) => "ES384",
            Pair::Ed(_) => "EdDSA",
        }
    }

    /// Without `alg`: the kind of key must be enough to pin it.
    pub(crate) fn jwk(&self) -> Value {
        match &self.pair {
            Pair::Rsa(pair) => {
                let (n, e) = (
                    self.rsa_modulus(),
                    pair.public_key()
                        .exponent()
                        .big_endian_without_leading_zero()
                        .to_vec(),
                );
                json!({"kty": "RSA", "kid": self.kid, "n": base64url(n), "e": base64url(e)})
            }
            Pair::Ec(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "kid": self.kid, "x": base64url(x), "y": base64url(y)})
            }
            Pair::Ec384(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(48);
                json!({"kty": "EC", "crv": "P-384", "kid": self.kid, "x": base64url(x), "y": base64url(y)})
            }
            Pair::Ed(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "kid": self.kid, "x": base64url(pair.public_key())})
            }
        }
    }

    pub(crate) fn rsa_modulus(&self) -> Vec<u8> {
        let Pair::Rsa(pair) = &self.pair else {
            panic!("not an RSA key")
        };
        pair.public_key()
            .modulus()
            .big_endian_without_leading_zero()
            .to_vec()
    }

    /// The public key as it is found in a certificate: what a forger takes for an HMAC secret.
    pub(crate) fn public_der(&self) -> Vec<u8> {
        let Pair::Rsa(pair) = &self.pair else {
            panic!("not an RSA key")
        };
        pair.public_key().as_ref().to_vec()
    }

    pub(crate) fn token(&self, claims: &Value) -> String {
        self.token_with(
            &json!({"alg": self.alg(), "kid": self.kid, "typ": "JWT"}),
            claims,
        )
    }

    /// Signed with this algorithm of the key's, and saying so.
    pub(crate) fn token_by(&self, alg: &str, claims: &Value) -> String {
        let header = json!({"alg": alg, "kid": self.kid, "typ": "JWT"});
        let signed = signing_input(&header, claims);
        let signature = match &self.pair {
            Pair::Rsa(pair) => rsa_signature(pair, rsa_encoding(alg), signed.as_bytes()),
            _ => self.sign(signed.as_bytes()),
        };
        format!("{signed}.{}", base64url(signature))
    }

    /// Signed with this key's own algorithm, whatever the header says.
    pub(crate) fn token_with(&self, header: &Value, claims: &Value) -> String {
        self.token_of(&header.to_string(), &claims.to_string())
    }

    /// The same of any text.
    pub(crate) fn token_of(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", base64url(header), base64url(claims));
        let signature = base64url(self.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => rsa_signature(pair, &RSA_PKCS1_SHA256, message),
            Pair::Ec(pair) | Pair::Ec384(pair) => {
                pair.sign(&random, message).unwrap().as_ref().to_vec()
            }
            Pair::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}

fn rsa_encoding(alg: &str) -> &'static dyn RsaEncoding {
    match alg {
        "RS384" => &RSA_PKCS1_SHA384,
        "RS512" => &RSA_PKCS1_SHA512,
        "PS256" => &RSA_PSS_SHA256,
        "PS384" => &RSA_PSS_SHA384,
        "PS512" => &RSA_PSS_SHA512,
        _ => &RSA_PKCS1_SHA256,
    }
}

fn rsa_signature(pair: &RsaKeyPair, encoding: &'static dyn RsaEncoding, message: &[u8]) -> Vec<u8> {
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(encoding, &SystemRandom::new(), message, &mut signature)
        .unwrap();
    signature
}

pub(crate) fn signing_input(header: &Value, claims: &Value) -> String {
    format!(
        "{}.{}",
        base64url(header.to_string()),
        base64url(claims.to_string())
    )
}

pub(crate) fn jwks(keys: &[&TestKey]) -> Value {
    json!({"keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>()})
}

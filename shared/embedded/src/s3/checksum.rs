//! The digests of an upload: those that the client claims, and the computed ones.

use s3s::TrailingHeaders;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::{Checksum, ChecksumAlgorithm, PutObjectInput};

/// Computes SHA-256 of the upload, and any other digest that the client names.
pub(super) struct Digests {
    checksums: ChecksumHasher,
    md5: Option<Md5>,
}

/// The computed digests.
pub(super) struct Digested {
    pub(super) checksum: Checksum,
    md5: Option<String>,
}

impl Digests {
    pub(super) fn wanted(input: &PutObjectInput) -> Self {
        let named = |name| {
            input
                .checksum_algorithm
                .as_ref()
                .is_some_and(|algorithm| algorithm.as_str() == name)
        };
        let wanted = |claimed: &Option<String>, name| claimed.is_some() || named(name);
        let checksums = ChecksumHasher {
            sha256: Some(Default::default()),
            sha1: wanted(&input.checksum_sha1, ChecksumAlgorithm::SHA1).then(Default::default),
            crc32: wanted(&input.checksum_crc32, ChecksumAlgorithm::CRC32).then(Default::default),
            crc32c: wanted(&input.checksum_crc32c, ChecksumAlgorithm::CRC32C)
                .then(Default::default),
            crc64nvme: wanted(&input.checksum_crc64nvme, ChecksumAlgorithm::CRC64NVME)
                .then(Default::default),
        };
        Self {
            checksums,
            md5: input.content_md5.is_some().then(Md5::new),
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.checksums.update(bytes);
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
    }

    pub(super) fn finish(self) -> Digested {
        use base64::Engine as _;
        let md5 = self
            .md5
            .map(|md5| base64::engine::general_purpose::STANDARD.encode(md5.finalize()));
        Digested {
            checksum: self.checksums.finalize(),
            md5,
        }
    }
}

impl Digested {
    /// Whether every claimed digest matches; one that was not computed does not. Digests in
    /// trailers are known only now.
    pub(super) fn holds(&self, input: &PutObjectInput, trailers: Option<&TrailingHeaders>) -> bool {
        let trailing = |name: &str| -> Option<String> {
            trailers?.read(|headers| {
                headers
                    .get(name)
                    .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            })?
        };
        let computed = &self.checksum;
        let claims = [
            (input.content_md5.clone(), &self.md5),
            (input.checksum_sha256.clone(), &computed.checksum_sha256),
            (trailing("x-amz-checksum-sha256"), &computed.checksum_sha256),
            (input.checksum_sha1.clone(), &computed.checksum_sha1),
            (trailing("x-amz-checksum-sha1"), &computed.checksum_sha1),
            (input.checksum_crc32.clone(), &computed.checksum_crc32),
            (trailing("x-amz-checksum-crc32"), &computed.checksum_crc32),
            (input.checksum_crc32c.clone(), &computed.checksum_crc32c),
            (trailing("x-amz-checksum-crc32c"), &computed.checksum_crc32c),
            (
                input.checksum_crc64nvme.clone(),
                &computed.checksum_crc64nvme,
            ),
            (
                trailing("x-amz-checksum-crc64nvme"),
                &computed.checksum_crc64nvme,
            ),
        ];
        claims
            .iter()
            .all(|(claimed, computed)| claimed.is_none() || claimed == *computed)
    }
}

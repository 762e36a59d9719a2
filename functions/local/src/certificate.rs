//! The certificate of the listeners: read from two files, and again when they change. Connections
//! go on, and the old one stays in use while the new files are unusable.

use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::file_stamp::{FileStamp, stamp};

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Where the certificate and its key are.
#[derive(Debug, Clone)]
pub(crate) struct CertificateFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// What handshakes are made with.
#[derive(Debug)]
pub(crate) struct Certificate {
    files: CertificateFiles,
    current: RwLock<Arc<CertifiedKey>>,
}

impl CertificateFiles {
    fn stamps(&self) -> Result<[FileStamp; 2]> {
        Ok([stamp(&self.certificate)?, stamp(&self.key)?])
    }

    fn read(&self) -> Result<CertifiedKey> {
        let text = |path: &Path| {
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
        };
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(&text(&self.certificate)?)
                .collect::<Result<_, _>>()
                .with_context(|| format!("{} is not PEM", self.certificate.display()))?;
        if chain.is_empty() {
            bail!("{} has no certificate in PEM", self.certificate.display());
        }
        let key = PrivateKeyDer::from_pem_slice(&text(&self.key)?)
            .map_err(|_| anyhow::anyhow!("{} has no private key in PEM", self.key.display()))?;
        CertifiedKey::from_der(chain, key, &default_provider()).with_context(|| {
            format!(
                "{} and {} are no certificate with its key",
                self.certificate.display(),
                self.key.display()
            )
        })
    }
}

impl Certificate {
    pub(crate) fn open(files: CertificateFiles) -> Result<Arc<Self>> {
        let current = RwLock::new(Arc::new(files.read()?));
        Ok(Arc::new(Self { files, current }))
    }

    /// Of a listener, which speaks HTTP/1.1.
    pub(crate) fn config(self: &Arc<Self>) -> Result<Arc<ServerConfig>> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(self.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// Goes on until it is dropped.
    pub(crate) async fn follow_files(self: Arc<Self>) {
        let mut seen = self.files.stamps().ok();
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        loop {
            ticks.tick().await;
            let stamps = self.files.stamps();
            if stamps.as_ref().ok() == seen.as_ref() {
                continue;
            }
            seen = stamps.as_ref().ok().copied();
            match stamps.and_then(|_| self.files.read()) {
                Ok(read) => {
                    self.replace(read);
                    tracing::info!(
                        certificate = %self.files.certificate.display(),
                        "new connections have the new certificate"
                    );
                }
                Err(error) => tracing::error!(
                    error = format!("{error:#}"),
                    "the new certificate cannot be used; connections go on with the one before"
                ),
            }
        }
    }

    fn replace(&self, read: CertifiedKey) {
        *self
            .current
            .write()
            .expect("no code panics while it holds the certificate") = Arc::new(read);
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(
            self.current
                .read()
                .expect("no code panics while it holds the certificate")
                .clone(),
        )
    }
}

//! Secrets from Secrets Manager, cached and read again after a rotation.

//! placeholder
use std::net::SocketAddr;
#[derive(Debug, Clone, Default)]
pub struct EmulatorConfig {}
pub struct Emulator;
impl Emulator {
    pub async fn start(_: EmulatorConfig) -> std::io::Result<Self> { Ok(Self) }
    pub fn base_url(&self) -> String { String::new() }
    pub fn addr(&self) -> SocketAddr { ([127,0,0,1],1).into() }
    pub fn api_key(&self) -> &str { "" }
    pub async fn stop(self) {}
}
#[derive(clap::Args)]
pub struct EmulatorArgs { #[arg(long)] listen: Option<SocketAddr> }
pub async fn run(_: EmulatorArgs, _s: impl Future<Output = ()>) -> std::io::Result<()> { Ok(()) }
pub const DEMO_PHOTO: &[u8] = b"";

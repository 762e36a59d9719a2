//! The harness: a gateway on a temporary folder, the provider's double, a live receiver; and the
//! suites that every adapter runs.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics, and its line says where"
)]

pub mod aws_calls;
pub mod aws_stores;
pub mod bad_receiver;
pub mod black_hole;
pub mod collector;
pub mod contract;
pub mod cost;
pub mod dns_server;
pub mod eventually;
pub mod faulty_aws;
pub mod gateway;
pub mod held_clock;
pub mod hidden_bucket;
pub mod lambda;
pub mod lying_disk;
pub mod ministack;
pub mod odd_store;
pub mod operator;
pub mod other_provider;
pub mod page;
pub mod process;
pub mod raw_client;
pub mod receiver;
pub mod restore_drill;
pub mod roles;
pub mod serve_alone;
pub mod stack;
pub mod tenant;
pub mod verifiers;

pub use aws_stores::AwsStores;
pub use bad_receiver::{BadReceiver, Misbehaviour};
pub use black_hole::BlackHole;
pub use dns_server::DnsServer;
pub use eventually::eventually;
pub use gateway::{Gateway, GatewayOptions};
pub use held_clock::HeldClock;
pub use hidden_bucket::HiddenBucket;
pub use ministack::Ministack;
pub use odd_store::{OddStore, Oddity, OtherStore};
pub use operator::TestOperator;
pub use other_provider::{OtherProvider, OutputFile};
pub use page::Page;
pub use process::FluxgateProcess;
pub use receiver::LiveReceiver;
pub use roles::Roles;
pub use stack::{Stack, StackOptions, Waits};
pub use tenant::TestTenant;

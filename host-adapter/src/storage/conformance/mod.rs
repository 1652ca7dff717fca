//! The contract as tests. Every store runs all of them.

/// Makes one test per store of every named function, given the settings of its stage.
macro_rules! every_store {
    ($($name:ident($settings:expr);)*) => {
        mod memory {
            use super::*;

            $(#[tokio::test]
            async fn $name() {
                super::$name(Fixture::memory($settings).await).await;
            })*
        }
        mod sqlite {
            use super::*;

            $(#[tokio::test]
            async fn $name() {
                super::$name(Fixture::sqlite($settings).await).await;
            })*
        }
    };
}

mod append;
mod bins;
mod configure;
mod deliveries;
mod fan_out;
mod listing;
mod secrets;
mod tenants;

const A: &str = "https://a.example/hook";
const B: &str = "https://b.example/hook";

//! Raises a chained error with everything a real application sets, through the real Rust SDK.
//!
//! Usage: `SENTRY_DSN=… raise-rust MARK` prints the event id.

use std::fmt;

/// What the shop reports.
#[derive(Debug)]
struct PaymentError {
    mark: String,
    cause: std::num::ParseIntError,
}

impl fmt::Display for PaymentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "payment failed {} for card 4111111111111111", self.mark)
    }
}

impl std::error::Error for PaymentError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

fn charge(amount: &str, mark: &str) -> Result<u32, PaymentError> {
    amount.parse().map_err(|cause| PaymentError {
        mark: mark.to_owned(),
        cause,
    })
}

#[expect(clippy::print_stdout, reason = "the event id is what it is run for")]
fn main() {
    let mark = std::env::args().nth(1).unwrap_or_default();
    // The DSN is read from SENTRY_DSN by the SDK itself.
    let mut options = sentry::ClientOptions::default();
    options.release = Some("shop-rust@0.9.0".into());
    options.environment = Some("staging".into());
    options.server_name = Some("rust-01".into());
    options.attach_stacktrace = true;
    let guard = sentry::init(options);
    sentry::configure_scope(|scope| {
        scope.set_tag("customer.tier", "gold");
        scope.set_user(Some(sentry::User {
            id: Some("u-1".into()),
            username: Some("jane".into()),
            ..sentry::User::default()
        }));
    });
    sentry::add_breadcrumb(sentry::Breadcrumb {
        category: Some("cart".into()),
        message: Some("added item 7".into()),
        ..sentry::Breadcrumb::default()
    });
    if let Err(error) = charge("12x", &mark) {
        println!("{}", sentry::capture_error(&error));
    }
    drop(guard);
}

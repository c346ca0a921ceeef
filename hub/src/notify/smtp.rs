//! The way to the mail server: TLS, the server's authority, and who the hub is to it.
//!
//! What always holds: nothing goes over a network in the clear unless the configuration says so. A
//! server on this host is spoken to as it is; any other must offer STARTTLS where it does not speak
//! TLS from the first byte.

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, Tokio1Executor};

use super::{Config, NotifyError};

/// How a connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protection {
    /// Not at all.
    None,
    /// By STARTTLS, where the server offers it.
    Opportunistic,
    /// By STARTTLS, or there is no connection.
    Required,
    /// From the first byte.
    Wrapped,
}

/// The client that the configuration asks for.
pub(super) fn transport(
    config: &Config,
) -> Result<AsyncSmtpTransport<Tokio1Executor>, NotifyError> {
    let (protection, host) = protection(&config.smtp).ok_or_else(|| {
        wrong(
            "smtp",
            &"it begins with smtp:// or smtps:// and names a host",
        )
    })?;
    // The library reads ports and users; it has no word for no protection.
    let url = config.smtp.trim_end_matches("?tls=off");
    let mut transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
        .map_err(|error| wrong("smtp", &error))?
        .timeout(Some(config.timeout.0))
        .tls(tls(config, protection, &host)?);
    if let Some(path) = &config.smtp_password_file {
        let password =
            std::fs::read_to_string(path).map_err(|error| wrong("smtp_password_file", &error))?;
        let user = user_of(&config.smtp)
            .ok_or_else(|| wrong("smtp", &"a password needs a user: smtp://user@host"))?;
        let password = password.trim_end().to_owned();
        transport = transport.credentials(Credentials::new(user, password));
    }
    Ok(transport.build())
}

fn tls(config: &Config, protection: Protection, host: &str) -> Result<Tls, NotifyError> {
    if protection == Protection::None {
        return Ok(Tls::None);
    }
    let mut parameters = TlsParameters::builder(host.to_owned());
    if let Some(path) = &config.smtp_ca_file {
        let pem = std::fs::read(path).map_err(|error| wrong("smtp_ca_file", &error))?;
        let authority = Certificate::from_pem(&pem);
        let authority = authority.map_err(|error| wrong("smtp_ca_file", &error))?;
        parameters = parameters.add_root_certificate(authority);
    }
    let parameters = parameters.build().map_err(|error| wrong("smtp", &error))?;
    Ok(match protection {
        Protection::None => Tls::None,
        Protection::Opportunistic => Tls::Opportunistic(parameters),
        Protection::Required => Tls::Required(parameters),
        Protection::Wrapped => Tls::Wrapper(parameters),
    })
}

/// How a server's address wants to be spoken to, and the host in it.
fn protection(url: &str) -> Option<(Protection, String)> {
    let (scheme, rest) = url.split_once("://")?;
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = rest.split('/').next()?;
    let place = authority
        .rsplit_once('@')
        .map_or(authority, |(_, place)| place);
    let host = match place.strip_prefix('[') {
        Some(v6) => v6.split(']').next()?,
        None => place.split(':').next()?,
    };
    let is_here = host == "localhost"
        || host
            .parse()
            .is_ok_and(|address: std::net::IpAddr| address.is_loopback());
    let protection = match (scheme, query) {
        ("smtps", "") => Protection::Wrapped,
        ("smtp", "") if is_here => Protection::None,
        ("smtp", "" | "tls=required") => Protection::Required,
        ("smtp", "tls=opportunistic") => Protection::Opportunistic,
        ("smtp", "tls=off") => Protection::None,
        _ => return None,
    };
    (!host.is_empty()).then(|| (protection, host.to_owned()))
}

/// The user in `smtp://user@host`.
fn user_of(url: &str) -> Option<String> {
    let (user, _) = url.split_once("://")?.1.rsplit_once('@')?;
    Some(user.split(':').next()?.to_owned())
}

fn wrong(key: &'static str, reason: &dyn std::fmt::Display) -> NotifyError {
    NotifyError::Config {
        key,
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_this_host_is_protected_unless_it_is_said_otherwise() {
        let check = |url: &str, expected: Option<(Protection, &str)>| {
            let expected = expected.map(|(protection, host)| (protection, host.to_owned()));
            assert_eq!(protection(url), expected, "{url}");
        };
        let required = Some((Protection::Required, "mail.example.org"));
        check("smtp://mail.example.org", required);
        check("smtp://jane:x@mail.example.org:587", required);
        check("smtp://mail.example.org:587?tls=required", required);
        let wrapped = Some((Protection::Wrapped, "mail.example.org"));
        check("smtps://jane@mail.example.org/", wrapped);
        let off = Some((Protection::None, "mail.example.org"));
        check("smtp://mail.example.org?tls=off", off);
        let maybe = Some((Protection::Opportunistic, "10.0.0.1"));
        check("smtp://10.0.0.1:25?tls=opportunistic", maybe);
        check("smtp://localhost:25", Some((Protection::None, "localhost")));
        check("smtp://[::1]:25", Some((Protection::None, "::1")));
        let here = Some((Protection::Required, "localhost"));
        check("smtp://localhost:25?tls=required", here);
        check("smtp://", None);
        check("http://mail.example.org", None);
        check("smtps://mail.example.org?tls=off", None);
        check("mail.example.org", None);
    }

    #[test]
    fn finds_the_user() {
        assert_eq!(user_of("smtp://jane:x@host:25"), Some("jane".to_owned()));
        assert_eq!(user_of("smtp://host:25"), None);
    }
}

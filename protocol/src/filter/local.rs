//! What happens on developers' machines.

use crate::event::Event;

/// Whether the user, or the page, is on the machine itself.
///
/// Only what the event says of its user counts: the connection of a relay beside the application
/// is always local.
pub(super) fn is_local(event: &Event<'_>) -> bool {
    let user = event
        .user
        .as_ref()
        .and_then(|user| user.ip_address.as_deref());
    if matches!(user, Some("127.0.0.1" | "::1")) {
        return true;
    }
    let Some(request) = &event.request else {
        return false;
    };
    let url = request.url.as_deref().unwrap_or_default();
    let hosts = ["host", "x-forwarded-host"];
    let named = hosts.iter().filter_map(|name| request.headers.get(name));
    url.starts_with("file:")
        || host_of(url).is_some_and(is_local_host)
        || named.map(bare).any(is_local_host)
}

fn is_local_host(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let is_below = |name: &str| {
        host.strip_suffix(name)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    is_below("localhost") || is_below("127.0.0.1") || host == "[::1]"
}

/// The host of a URL.
pub(super) fn host_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    Some(bare(host))
}

/// A host without its port.
fn bare(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => host,
    }
}

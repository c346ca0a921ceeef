//! What of a change may be in force everywhere at once, and what a few relays try first.
//!
//! At once goes what people wait for or what protects: keys and projects that are added, switched
//! off or removed, lower limits, stricter privacy, allowed origins, limits of the link, and which
//! relays drain. First to a few relays go looser privacy, higher limits, filters, sampling, and
//! what relays must understand: a mistake there costs private data or events of the whole fleet.

use std::collections::HashMap;

use protocol::ids::PublicKey;
use protocol::roster::{Quota, RateLimit, RosterBundle, RosterKey, RosterProject};
use protocol::timestamp::Timestamp;

/// What a roster says, without which one it is.
pub(super) fn content(bundle: &RosterBundle) -> RosterBundle {
    RosterBundle {
        version: 0,
        parent: 0,
        issued_at: Timestamp::default(),
        expires_at: None,
        config_key: None,
        ..bundle.clone()
    }
}

/// As much of the change as may be in force everywhere at once; all of it, if that is `new`.
pub(super) fn at_once(old: &RosterBundle, new: &RosterBundle) -> RosterBundle {
    let before: HashMap<_, &RosterProject> = old.projects.iter().map(|p| (p.id, p)).collect();
    let projects = new
        .projects
        .iter()
        .map(|project| match before.get(&project.id) {
            None => project.clone(),
            Some(before) => project_at_once(before, project),
        });
    content(&RosterBundle {
        projects: projects.collect(),
        min_version: old.min_version.clone(),
        requires: old.requires.clone(),
        ..new.clone()
    })
}

/// What a change takes away, and nothing of what it adds: it is never larger than what there is.
pub(super) fn less(old: &RosterBundle, new: &RosterBundle) -> RosterBundle {
    let wanted: HashMap<_, &RosterProject> = new.projects.iter().map(|p| (p.id, p)).collect();
    let projects = old.projects.iter().filter_map(|project| {
        let wanted: HashMap<PublicKey, &RosterKey> = wanted
            .get(&project.id)?
            .keys
            .iter()
            .map(|key| (key.public_key, key))
            .collect();
        let keys = project.keys.iter().filter_map(|key| {
            let wanted = wanted.get(&key.public_key)?;
            Some(RosterKey {
                active: key.active && wanted.active,
                ..key.clone()
            })
        });
        Some(RosterProject {
            keys: keys.collect(),
            ..project.clone()
        })
    });
    content(&RosterBundle {
        projects: projects.collect(),
        is_emptied: new.is_emptied,
        ..old.clone()
    })
}

fn project_at_once(old: &RosterProject, new: &RosterProject) -> RosterProject {
    let before: HashMap<PublicKey, &RosterKey> =
        old.keys.iter().map(|key| (key.public_key, key)).collect();
    let keys = new
        .keys
        .iter()
        .map(|key| match before.get(&key.public_key) {
            None => key.clone(),
            Some(before) => RosterKey {
                rate_limit: lower(before.rate_limit, key.rate_limit),
                ..key.clone()
            },
        });
    RosterProject {
        keys: keys.collect(),
        privacy: new.privacy.stricter(&old.privacy),
        sampling: old.sampling.clone(),
        sampling_rules: old.sampling_rules.clone(),
        filters: old.filters.clone(),
        quotas: quotas_at_once(&old.quotas, &new.quotas),
        ..new.clone()
    }
}

/// New quotas and lower ones; those that are to end or to rise stay as they are.
fn quotas_at_once(old: &[Quota], new: &[Quota]) -> Vec<Quota> {
    let twin = |among: &[Quota], quota: &Quota| {
        let is_same = |other: &&Quota| {
            (
                other.scope,
                other.scope_id,
                &other.categories,
                other.limit.window_secs,
                &other.reason,
            ) == (
                quota.scope,
                quota.scope_id,
                &quota.categories,
                quota.limit.window_secs,
                &quota.reason,
            )
        };
        among.iter().find(is_same).map(|quota| quota.limit)
    };
    let kept = new.iter().map(|quota| Quota {
        limit: twin(old, quota).map_or(quota.limit, |before| quota.limit.stricter(before)),
        ..quota.clone()
    });
    let ended = old.iter().filter(|quota| twin(new, quota).is_none());
    kept.chain(ended.cloned()).collect()
}

fn lower(old: Option<RateLimit>, new: Option<RateLimit>) -> Option<RateLimit> {
    match (old, new) {
        (Some(old), Some(new)) => Some(new.stricter(old)),
        (old, new) => new.or(old),
    }
}

#[cfg(test)]
mod tests {
    use protocol::ids::{ProjectId, RelayId};
    use protocol::roster::{
        LinkSettings, PrivacySettings, QuotaScope, RelayLink, SampleRate, SamplingRule,
    };

    use super::*;

    /// How a change goes out.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Change {
        None,
        AtOnce,
        CanaryFirst,
    }

    fn classify(old: &RosterBundle, new: &RosterBundle) -> Change {
        let new = content(new);
        if content(old) == new {
            Change::None
        } else if at_once(old, &new) == new {
            Change::AtOnce
        } else {
            Change::CanaryFirst
        }
    }

    fn key(n: u8, active: bool, per_minute: Option<u64>) -> RosterKey {
        RosterKey {
            public_key: PublicKey::from_bytes([n; 16]),
            active,
            rate_limit: per_minute.map(|count| RateLimit::new(count, 60)),
        }
    }

    fn quota(category: &str, count: u64) -> Quota {
        Quota {
            scope: QuotaScope::Project,
            scope_id: 1,
            categories: vec![category.to_owned()],
            limit: RateLimit::new(count, 60),
            reason: "project_quota".to_owned(),
        }
    }

    fn bundle() -> RosterBundle {
        RosterBundle {
            version: 3,
            projects: vec![RosterProject {
                keys: vec![key(1, true, None), key(2, true, Some(100))],
                allowed_domains: vec!["example.com".to_owned()],
                privacy: PrivacySettings {
                    scrub_emails: true,
                    sensitive_fields: vec!["iban".to_owned()],
                    safe_fields: vec!["token_count".to_owned()],
                    ..PrivacySettings::default()
                },
                quotas: vec![quota("session", 10)],
                ..RosterProject::new(ProjectId::new(1).unwrap(), "shop")
            }],
            ..RosterBundle::default()
        }
    }

    fn check(expected: Change, what: &str, change: impl FnOnce(&mut RosterBundle)) {
        let mut new = bundle();
        new.version = 4;
        new.issued_at = Timestamp::from_millis(9);
        change(&mut new);
        assert_eq!(classify(&bundle(), &new), expected, "{what}");
    }

    #[test]
    fn what_people_wait_for_and_what_protects_goes_out_at_once() {
        use Change::{AtOnce, None as Nothing};
        check(Nothing, "only the version", |_| {});
        check(AtOnce, "key off", |b| b.projects[0].keys[0].active = false);
        check(AtOnce, "key removed", |b| {
            b.projects[0].keys.remove(0);
        });
        check(AtOnce, "key added", |b| {
            b.projects[0].keys.push(key(3, true, None));
        });
        check(AtOnce, "project added", |b| {
            let mut project = b.projects[0].clone();
            project.id = ProjectId::new(2).unwrap();
            project.keys.clear();
            b.projects.push(project);
        });
        check(AtOnce, "project removed", |b| b.projects.clear());
        check(AtOnce, "project renamed", |b| {
            b.projects[0].slug = "shops".to_owned();
        });
        check(AtOnce, "limit where none was", |b| {
            b.projects[0].keys[0] = key(1, true, Some(5));
        });
        check(AtOnce, "lower limit", |b| {
            b.projects[0].keys[1] = key(2, true, Some(99));
        });
        check(AtOnce, "quota where none was", |b| {
            b.projects[0].quotas.push(quota("error", 9));
        });
        check(AtOnce, "lower quota", |b| {
            b.projects[0].quotas = vec![quota("session", 9)];
        });
        check(AtOnce, "origins", |b| b.projects[0].allowed_domains.clear());
        check(AtOnce, "more private", |b| {
            let privacy = &mut b.projects[0].privacy;
            privacy.scrub_ip_addresses = true;
            privacy.sensitive_fields.push("vat".to_owned());
            privacy.safe_fields.clear();
        });
        check(AtOnce, "drain", |b| {
            b.drained.push(RelayId::from_bytes([1; 16]));
        });
        check(AtOnce, "link", |b| {
            b.links.push(RelayLink {
                relay: RelayId::from_bytes([1; 16]),
                link: LinkSettings {
                    bandwidth_max: Some(9000),
                    ..LinkSettings::default()
                },
            });
        });
    }

    #[test]
    fn what_loosens_or_samples_is_tried_first() {
        use Change::CanaryFirst;
        check(CanaryFirst, "e-mails kept", |b| {
            b.projects[0].privacy.scrub_emails = false;
        });
        check(CanaryFirst, "field kept", |b| {
            b.projects[0].privacy.sensitive_fields.clear();
        });
        check(CanaryFirst, "field exempted", |b| {
            b.projects[0]
                .privacy
                .safe_fields
                .push("password".to_owned());
        });
        check(CanaryFirst, "no limit", |b| {
            b.projects[0].keys[1].rate_limit = None;
        });
        check(CanaryFirst, "higher limit", |b| {
            b.projects[0].keys[1] = key(2, true, Some(101));
        });
        check(CanaryFirst, "sampling", |b| {
            let half = SampleRate::from_share(0.5).unwrap();
            b.projects[0]
                .sampling
                .insert("transaction".to_owned(), half);
        });
        check(CanaryFirst, "sampling rule", |b| {
            b.projects[0].sampling_rules.push(SamplingRule {
                id: 3001,
                category: "transaction".to_owned(),
                condition: String::new(),
                rate: SampleRate::ALL,
                from: None,
                until: None,
            });
        });
        check(CanaryFirst, "filter", |b| {
            b.projects[0].filters.localhost = true;
        });
        check(CanaryFirst, "no quota", |b| b.projects[0].quotas.clear());
        check(CanaryFirst, "higher quota", |b| {
            b.projects[0].quotas = vec![quota("session", 11)];
        });
        check(CanaryFirst, "a burst where none was", |b| {
            b.projects[0].quotas[0].limit.burst = Some(20);
        });
        check(CanaryFirst, "requirement", |b| {
            b.requires.push("x".to_owned());
        });
        check(CanaryFirst, "newer program", |b| {
            b.min_version = "0.2.0".to_owned();
        });
    }

    #[test]
    fn quotas_of_one_category_over_several_times_are_told_apart() {
        let day = Quota {
            limit: RateLimit::new(5000, 86_400),
            ..quota("session", 0)
        };
        let quotas = [quota("session", 10), day];
        assert_eq!(quotas_at_once(&quotas, &quotas), quotas);
    }

    #[test]
    fn a_smaller_burst_holds_at_once_and_a_larger_one_later() {
        let with_burst = |burst| {
            let mut quota = quota("session", 10);
            quota.limit.burst = Some(burst);
            [quota]
        };
        let (small, large) = (with_burst(8), with_burst(20));
        assert_eq!(quotas_at_once(&large, &small), small);
        assert_eq!(quotas_at_once(&small, &large), small);
    }

    #[test]
    fn a_change_that_cannot_be_sent_still_takes_away() {
        let mut new = bundle();
        new.projects[0].keys[0].active = false;
        new.projects[0].keys.remove(1);
        new.projects[0].keys.push(key(3, true, None));
        new.projects[0].privacy.scrub_ip_addresses = true;
        let mut expected = content(&bundle());
        expected.projects[0].keys = vec![key(1, false, None)];
        assert_eq!(less(&bundle(), &new), expected);
        new.projects.clear();
        assert!(less(&bundle(), &new).projects.is_empty());
    }

    #[test]
    fn of_a_mixed_change_only_the_part_that_protects_goes_out_at_once() {
        let mut new = bundle();
        new.projects[0].keys[0].active = false;
        new.projects[0].privacy.scrub_emails = false;
        new.projects[0].privacy.scrub_ip_addresses = true;
        assert_eq!(classify(&bundle(), &new), Change::CanaryFirst);
        let now = at_once(&bundle(), &new);
        assert!(!now.projects[0].keys[0].active);
        assert!(now.projects[0].privacy.scrub_emails);
        assert!(now.projects[0].privacy.scrub_ip_addresses);
        assert_eq!(classify(&now, &new), Change::CanaryFirst);
    }
}

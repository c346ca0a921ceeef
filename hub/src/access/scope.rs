//! What a caller may do: scopes, sets of them, and what each role brings.
//!
//! A set is always closed: whoever may write may read.

use std::fmt;

/// Declares the scopes once: variant, name, and what it implies.
macro_rules! scopes {
    ($($variant:ident = $name:literal implies [$($lower:ident),*];)*) => {
        /// One permission, named as Sentry names it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        #[expect(missing_docs, reason = "the names say it")]
        pub enum Scope { $($variant),* }

        impl Scope {
            /// Every scope.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name in tokens and in the API.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The scope of a name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }

            const fn implied(self) -> &'static [Self] {
                match self { $(Self::$variant => &[$(Self::$lower),*],)* }
            }
        }
    };
}

scopes! {
    OrgRead = "org:read" implies [];
    OrgWrite = "org:write" implies [OrgRead];
    OrgAdmin = "org:admin" implies [OrgWrite, OrgRead];
    OrgIntegrations = "org:integrations" implies [OrgRead];
    OrgCi = "org:ci" implies [];
    ProjectRead = "project:read" implies [];
    ProjectWrite = "project:write" implies [ProjectRead];
    ProjectAdmin = "project:admin" implies [ProjectWrite, ProjectRead];
    ProjectReleases = "project:releases" implies [];
    ProjectDistribution = "project:distribution" implies [];
    TeamRead = "team:read" implies [];
    TeamWrite = "team:write" implies [TeamRead];
    TeamAdmin = "team:admin" implies [TeamWrite, TeamRead];
    MemberRead = "member:read" implies [];
    MemberWrite = "member:write" implies [MemberRead];
    MemberAdmin = "member:admin" implies [MemberWrite, MemberRead];
    MemberInvite = "member:invite" implies [];
    EventRead = "event:read" implies [];
    EventWrite = "event:write" implies [EventRead];
    EventAdmin = "event:admin" implies [EventWrite, EventRead];
    AlertsRead = "alerts:read" implies [];
    AlertsWrite = "alerts:write" implies [AlertsRead];
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of scopes. Invariant: holds whatever its members imply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScopeSet(u32);

impl ScopeSet {
    /// No scope at all.
    pub const NONE: Self = Self(0);

    /// Every scope.
    #[must_use]
    pub fn all() -> Self {
        Scope::ALL.iter().copied().collect()
    }

    /// Whether the scope is in the set.
    #[must_use]
    pub const fn has(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }

    /// What both sets hold.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What either set holds.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The scopes, in their order.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.iter().copied().filter(move |s| self.has(*s))
    }

    /// The names, in their order.
    #[must_use]
    pub fn names(self) -> Vec<String> {
        self.iter().map(|scope| scope.name().to_owned()).collect()
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let mut bits = 0;
        for scope in scopes {
            bits |= 1 << scope as u8;
            for lower in scope.implied() {
                bits |= 1 << *lower as u8;
            }
        }
        Self(bits)
    }
}

/// A member's role in an organization; each holds what the ones below hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Works with issues.
    Member,
    /// Sets up projects and teams as well.
    Admin,
    /// Manages people and the organization as well.
    Manager,
    /// May do everything.
    Owner,
}

impl Role {
    /// The name stored and shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Manager => "manager",
            Self::Owner => "owner",
        }
    }

    /// The role of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "member" => Some(Self::Member),
            "admin" => Some(Self::Admin),
            "manager" => Some(Self::Manager),
            "owner" => Some(Self::Owner),
            _ => None,
        }
    }

    /// What the role may do.
    #[must_use]
    pub fn scopes(self) -> ScopeSet {
        let mut scopes = vec![
            Scope::EventAdmin,
            Scope::ProjectRead,
            Scope::ProjectReleases,
            Scope::OrgRead,
            Scope::MemberRead,
            Scope::MemberInvite,
            Scope::TeamRead,
            Scope::AlertsWrite,
        ];
        if self >= Self::Admin {
            scopes.extend([
                Scope::ProjectAdmin,
                Scope::OrgIntegrations,
                Scope::TeamAdmin,
                Scope::ProjectDistribution,
            ]);
        }
        if self >= Self::Manager {
            scopes.extend([Scope::OrgWrite, Scope::OrgCi, Scope::MemberAdmin]);
        }
        if self >= Self::Owner {
            scopes.push(Scope::OrgAdmin);
        }
        scopes.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn higher_scopes_hold_the_lower_ones() {
        let set: ScopeSet = [Scope::ProjectAdmin].into_iter().collect();
        assert_eq!(
            set.names(),
            ["project:read", "project:write", "project:admin"]
        );
        assert!(!set.has(Scope::EventRead));
    }

    #[test]
    fn names_are_read_back() {
        for scope in Scope::ALL {
            assert_eq!(Scope::from_name(scope.name()), Some(*scope));
        }
        for role in [Role::Member, Role::Admin, Role::Manager, Role::Owner] {
            assert_eq!(Role::from_name(role.name()), Some(role));
        }
    }

    #[test]
    fn an_owner_may_do_everything_and_a_member_may_not_write_projects() {
        assert_eq!(Role::Owner.scopes(), ScopeSet::all());
        assert!(!Role::Member.scopes().has(Scope::ProjectWrite));
        assert!(!Role::Admin.scopes().has(Scope::OrgWrite));
        assert!(!Role::Manager.scopes().has(Scope::OrgAdmin));
    }
}

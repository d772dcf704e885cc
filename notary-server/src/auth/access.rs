//! What a request needs and what a token grants, in the words of the registries' token authentication.

use std::sync::Arc;

use libtrust::names::Gun;
use serde_json::{Value, json};

use crate::routes::route::Route;

/// The kind of resource that a collection is.
const REPOSITORY: &str = "repository";
/// The action that stands for all.
const ANY: &str = "*";

/// Actions on one resource that a request needs, all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needed<'a> {
    kind: &'static str,
    name: &'a str,
    actions: &'static [&'static str],
}

/// Actions on one resource that a token grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// `type`: `repository`, `registry`.
    pub kind: Box<str>,
    /// `name`: an image name for repositories.
    pub name: Box<str>,
    /// `actions`.
    pub actions: Vec<Box<str>>,
}

/// What a route asks of whoever takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requirement<'a> {
    /// Nothing: the answer is the same for everyone and tells nothing about what is stored.
    Nothing,
    /// Any valid token.
    Token,
    /// A token that grants this.
    Access(Needed<'a>),
}

impl<'a> Requirement<'a> {
    /// Notary's scopes, except that `/v2/` takes any valid token (Notary wants the catalog's, which no user has) and
    /// that paths which cannot be anything are unknown to everyone.
    #[must_use]
    pub fn of(route: &'a Route) -> Self {
        match route {
            Route::Ping => Self::Token,
            Route::File(_, gun, ..) | Route::Target(gun, _) | Route::Changefeed(_, Some(gun)) => {
                Self::repository(gun, &["pull"])
            }
            Route::Publish(_, Ok(gun)) | Route::Key(gun, _) => Self::repository(gun, &["push", "pull"]),
            Route::RotateKey(gun, _) | Route::Delete(_, gun) => Self::repository(gun, &[ANY]),
            Route::Changefeed(_, None) => Self::Access(Needed { kind: "registry", name: "catalog", actions: &[ANY] }),
            Route::Publish(_, Err(_))
            | Route::NoSuchFile
            | Route::Redirect(_)
            | Route::MethodNotAllowed
            | Route::Unknown => Self::Nothing,
        }
    }

    fn repository(gun: &'a Gun, actions: &'static [&'static str]) -> Self {
        Self::Access(Needed { kind: REPOSITORY, name: gun.as_str(), actions })
    }
}

impl Needed<'_> {
    /// Whether every action is granted, by its own name or by `*`.
    #[must_use]
    pub fn is_granted(&self, granted: &[Granted]) -> bool {
        self.actions.iter().all(|action| {
            granted
                .iter()
                .filter(|grant| *grant.kind == *self.kind && *grant.name == *self.name)
                .any(|grant| grant.actions.iter().any(|granted| **granted == **action || **granted == *ANY))
        })
    }

    /// `repository:GUN:push,pull`; nothing if the name cannot be part of a scope, where spaces separate.
    #[must_use]
    pub fn scope(&self) -> Option<String> {
        let is_plain = !self.name.chars().any(|c| c.is_whitespace() || c.is_control());
        is_plain.then(|| format!("{}:{}:{}", self.kind, self.name, self.actions.join(",")))
    }

    /// The detail of Notary's error body.
    #[must_use]
    pub fn detail(&self) -> Value {
        let record = |action: &&str| json!({"Type": self.kind, "Class": "", "Name": self.name, "Action": action});
        Value::Array(self.actions.iter().map(record).collect())
    }
}

/// Who asks, as the token's `sub` says. For logs.
pub type Subject = Arc<str>;

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    fn requirement(method: Method, path: &str) -> String {
        match Requirement::of(&Route::parse(&method, path)) {
            Requirement::Nothing => "nothing".to_owned(),
            Requirement::Token => "token".to_owned(),
            Requirement::Access(needed) => needed.scope().unwrap(),
        }
    }

    #[test]
    fn routes_need_what_they_need_in_notary() {
        let sum = "ab".repeat(32);
        for (method, path, needed) in [
            (Method::GET, "/v2/", "token"),
            (Method::POST, "/v2/a/b/_trust/tuf/", "repository:a/b:push,pull"),
            (Method::GET, &*format!("/v2/a/_trust/tuf/root.{sum}.json"), "repository:a:pull"),
            (Method::GET, "/v2/a/_trust/tuf/1.root.json", "repository:a:pull"),
            (Method::GET, "/v2/a/_trust/tuf/root.json", "repository:a:pull"),
            (Method::HEAD, "/v2/a/_trust/tuf/root.json", "repository:a:pull"),
            (Method::GET, "/v2/a/_trust/tuf/timestamp.key", "repository:a:push,pull"),
            (Method::POST, "/v2/a/_trust/tuf/timestamp.key", "repository:a:*"),
            (Method::DELETE, "/v2/a/_trust/tuf/", "repository:a:*"),
            (Method::GET, "/v2/a/_trust/changefeed", "repository:a:pull"),
            (Method::GET, "/v2/_trust/changefeed", "registry:catalog:*"),
            (Method::GET, "/v2/localhost:5000/a/_trust/tuf/root.json", "repository:localhost:5000/a:pull"),
            (Method::POST, "/tuf/a/b/metadata/", "repository:a/b:push,pull"),
            (Method::GET, "/tuf/a/metadata/timestamp.json", "repository:a:pull"),
            (Method::GET, "/tuf/a/metadata/1.root.json", "repository:a:pull"),
            (Method::GET, "/tuf/a/targets/latest", "repository:a:pull"),
            (Method::DELETE, "/tuf/a/", "repository:a:*"),
            (Method::GET, "/tuf/a/_changefeed", "repository:a:pull"),
            (Method::GET, "/tuf/_changefeed", "registry:catalog:*"),
            (Method::GET, "/v2/elsewhere", "nothing"),
            (Method::PATCH, "/v2/", "nothing"),
            (Method::GET, "/v2//", "nothing"),
        ] {
            assert_eq!(requirement(method.clone(), path), needed, "{method} {path}");
        }
    }

    fn granted(kind: &str, name: &str, actions: &[&str]) -> Granted {
        Granted { kind: kind.into(), name: name.into(), actions: actions.iter().map(|&a| a.into()).collect() }
    }

    #[test]
    fn every_action_must_be_granted_for_this_resource() {
        let both = Needed { kind: "repository", name: "a", actions: &["push", "pull"] };
        assert!(both.is_granted(&[granted("repository", "a", &["pull", "push"])]));
        assert!(both.is_granted(&[granted("repository", "a", &["*"])]));
        assert!(both.is_granted(&[granted("repository", "a", &["pull"]), granted("repository", "a", &["push"])]));
        for grants in [
            vec![],
            vec![granted("repository", "a", &["pull"])],
            vec![granted("repository", "a", &["pull"]), granted("repository", "b", &["push"])],
            vec![granted("repository", "A", &["*"])],
            vec![granted("repository(plugin)", "a", &["*"])],
            vec![granted("registry", "a", &["*"])],
            vec![granted("repository", "*", &["*"])],
        ] {
            assert!(!both.is_granted(&grants), "{grants:?}");
        }
        let all = Needed { kind: "repository", name: "a", actions: &["*"] };
        assert!(!all.is_granted(&[granted("repository", "a", &["push", "pull", "delete"])]));
    }

    #[test]
    fn a_name_with_spaces_makes_no_scope() {
        let needed = Needed { kind: "repository", name: "a:pull registry:catalog", actions: &["*"] };
        assert_eq!(needed.scope(), None);
    }
}

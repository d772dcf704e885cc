//! Images in compose files and Kubernetes manifests.
//!
//! Compose: `image` of a service that is not built, and of extension fields (`x-..`) that services take it from. Kubernetes:
//! every `image` in anything but a `ConfigMap` or `Secret`, so that resources of operators are not overlooked.

mod tree;

use super::{Found, Reference, Unclear};
use tree::{Node, Scalar};

/// Kinds whose content is somebody else's.
const DATA: [&str; 2] = ["ConfigMap", "Secret"];

/// Finds them.
///
/// # Errors
/// The first line that cannot be understood.
pub fn find(text: &str) -> Result<Found, Unclear> {
    let documents = tree::documents(text)?;
    let mut found = Found::default();
    for document in &documents {
        if document.get("apiVersion").is_some() && document.get("kind").is_some() {
            kubernetes(document, &mut found)?;
        } else if document.get("services").is_some() {
            compose(document, &mut found)?;
        } else if !["", "~", "null"].iter().any(|nothing| document.is(nothing)) {
            let why = "neither a compose file (services) nor a Kubernetes manifest (apiVersion and kind)";
            return Err(Unclear::new(line(document).unwrap_or(1), why));
        }
    }
    found.references.sort_by_key(|reference| reference.place.start);
    Ok(found)
}

fn kubernetes(node: &Node, found: &mut Found) -> Result<(), Unclear> {
    if node.get("apiVersion").is_some() && DATA.iter().any(|kind| node.get("kind").is_some_and(|is| is.is(kind))) {
        return Ok(());
    }
    every_image(node, found, &kubernetes_below)
}

fn kubernetes_below(node: &Node, found: &mut Found) -> Result<(), Unclear> {
    kubernetes(node, found)
}

type Below = dyn Fn(&Node, &mut Found) -> Result<(), Unclear>;

/// Takes the `image` of each map and goes on `below`.
fn every_image(node: &Node, found: &mut Found, below: &Below) -> Result<(), Unclear> {
    match node {
        Node::Map(entries) => {
            once(entries, "image")?;
            for (key, value) in entries {
                match value {
                    // A volume that is an image.
                    Node::Map(_) if key.is("image") && value.get("reference").is_some() => {
                        image(value.get("reference").unwrap_or(value), found)?;
                    }
                    Node::Scalar(_) | Node::Alias(_) if key.is("image") => image(value, found)?,
                    value => below(value, found)?,
                }
            }
            Ok(())
        }
        Node::List(items) => items.iter().try_for_each(|item| below(item, found)),
        Node::Scalar(_) | Node::Alias(_) => Ok(()),
    }
}

fn compose(document: &Node, found: &mut Found) -> Result<(), Unclear> {
    once(document.entries(), "services")?;
    for (key, value) in document.entries() {
        if let Node::Scalar(name) = key {
            match name.value.as_str() {
                "services" => {
                    for (name, service) in value.entries() {
                        compose_service(name, service, found)?;
                    }
                }
                "include" => found.remarks.push("include names other compose files: resolve them, too".to_owned()),
                extension if extension.starts_with("x-") => extension_field(value, found)?,
                _ => {}
            }
        }
    }
    Ok(())
}

fn extension_field(node: &Node, found: &mut Found) -> Result<(), Unclear> {
    every_image(node, found, &extension_field)
}

fn compose_service(name: &Node, service: &Node, found: &mut Found) -> Result<(), Unclear> {
    let name = if let Node::Scalar(name) = name { name.value.as_str() } else { "a service" };
    once(service.entries(), "image")?;
    if let Some(extends) = service.get("extends")
        && extends.get("file").is_some()
    {
        found.remarks.push(format!("{name} extends a service of another file: resolve that, too"));
    }
    if let Some(build) = service.get("build") {
        build_refuses(build)?;
        found.remarks.push(format!("{name} is built: resolve its Dockerfile, too"));
    } else if let Some(value) = service.get("image") {
        image(value, found)?;
    }
    if let Some(Node::List(volumes)) = service.get("volumes") {
        let images = volumes.iter().filter(|volume| volume.get("type").is_some_and(|is| is.is("image")));
        images.filter_map(|volume| volume.get("source")).try_for_each(|source| image(source, found))?;
    }
    Ok(())
}

/// Images in a build section, which are not looked for there.
fn build_refuses(build: &Node) -> Result<(), Unclear> {
    if let Some(inline) = build.get("dockerfile_inline") {
        return Err(Unclear::new(line(inline).unwrap_or(1), "a Dockerfile inside: give it a file of its own"));
    }
    let contexts = build.get("additional_contexts").map(scalars).unwrap_or_default();
    match contexts.iter().find(|context| context.value.contains("docker-image://")) {
        Some(context) => Err(Unclear::new(context.line, "an image as build context is not resolved here")),
        None => Ok(()),
    }
}

fn scalars(node: &Node) -> Vec<&Scalar> {
    match node {
        Node::Scalar(scalar) => vec![scalar],
        Node::Map(entries) => entries.iter().flat_map(|(_, value)| scalars(value)).collect(),
        Node::List(items) => items.iter().flat_map(scalars).collect(),
        Node::Alias(_) => Vec::new(),
    }
}

fn image(value: &Node, found: &mut Found) -> Result<(), Unclear> {
    match value {
        Node::Scalar(scalar) => {
            let Scalar { value, line, place, quote } = scalar;
            if value.contains('$') {
                return Err(Unclear::new(
                    *line,
                    format!("{value:?} has a variable: what it will be is not known here"),
                ));
            }
            let quote = quote.ok_or_else(|| Unclear::new(*line, "write the image's name on one line, as it is"))?;
            let reference = Reference::parse(*line, place.clone(), value.clone(), quote)?;
            found.references.push(reference);
            Ok(())
        }
        Node::Alias(line) => Err(Unclear::new(*line, "an alias stands here: write the image's name itself")),
        other => Err(Unclear::new(line(other).unwrap_or(1), "expected the name of an image")),
    }
}

/// Readers differ in which of two equal keys counts.
fn once(entries: &[(Node, Node)], wanted: &str) -> Result<(), Unclear> {
    match entries.iter().filter(|(key, _)| key.is(wanted)).nth(1) {
        Some((key, _)) => Err(Unclear::new(line(key).unwrap_or(1), format!("{wanted} stands there twice"))),
        None => Ok(()),
    }
}

fn line(node: &Node) -> Option<usize> {
    match node {
        Node::Scalar(scalar) => Some(scalar.line),
        Node::Alias(line) => Some(*line),
        Node::Map(entries) => entries.first().and_then(|(key, _)| line(key)),
        Node::List(items) => items.first().and_then(line),
    }
}

#[cfg(test)]
mod tests {
    use super::super::replace;
    use super::*;

    const COMPOSE: &str = "\
# app
x-base: &base
  image: alpine:3   # base
  restart: always
services:
  web:
    image: \"nginx:1.27\"   # pinned? no
    ports: [ \"80:80\" ]
  job: { image: 'reg.example:5000/job:v1', command: [run] }
  other:
    <<: *base
  own:
    image: me/own
    build: .
";

    fn images(text: &str) -> Vec<String> {
        let found = find(text).unwrap_or_else(|error| panic!("{text}\n{error}"));
        found.references.into_iter().map(|reference| reference.written).collect()
    }

    #[test]
    fn services_of_a_compose_file() {
        assert_eq!(images(COMPOSE), ["alpine:3", "nginx:1.27", "reg.example:5000/job:v1"]);
        assert_eq!(find(COMPOSE).unwrap().remarks, ["own is built: resolve its Dockerfile, too"]);
    }

    #[test]
    fn only_the_references_change() {
        let found = find(COMPOSE).unwrap().references;
        let pinned: Vec<String> = found.iter().map(|reference| reference.pinned("sha256:1")).collect();
        let expected = COMPOSE
            .replace("alpine:3 ", "alpine:3@sha256:1 ")
            .replace("nginx:1.27", "nginx:1.27@sha256:1")
            .replace("job:v1", "job:v1@sha256:1");
        assert_eq!(replace(COMPOSE, &found, &pinned), expected);
    }

    #[test]
    fn every_image_of_kubernetes_manifests() {
        let text = "\
apiVersion: apps/v1
kind: Deployment
spec:
  template:
    spec:
      initContainers:
      - image: init:1
        name: a
      containers:
      - {name: b, image: main:1}
      volumes:
      - image: {reference: files:1, pullPolicy: Always}
---
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ConfigMap
  data: { image: not-one }
- apiVersion: operator.example/v1
  kind: Database
  spec: { image: db:1 }
---
";
        assert_eq!(images(text), ["init:1", "main:1", "files:1", "db:1"]);
    }

    #[test]
    fn what_is_not_understood_is_an_error_on_its_line() {
        for (line, text) in [
            (1, "a: b\n"),
            (3, "services:\n  a:\n    image: x:${TAG}\n"),
            (3, "services:\n  a:\n    image:\n"),
            (4, "services:\n  a:\n    image: x\n    image: y\n"),
            (4, "x-i: &i alpine\nservices:\n  a:\n    image: *i\n"),
            (3, "services:\n  a:\n    image: UPPER\n"),
            (3, "services:\n  a:\n    image: \"al\\x70ine\"\n"),
            (3, "services:\n  a:\n    build: { dockerfile_inline: FROM x }\n"),
            (1, "apiVersion: v1\nkind: Pod\nspec: { image: [a] \n"),
        ] {
            let error = find(text).unwrap_err();
            assert!(error.line == line || error.why.contains("not YAML"), "{text}: {error}");
        }
        for text in ["services:\n  a:\n    image: |\n      alpine\n", "services:\n  a:\n    image: !x alpine\n"] {
            assert!(find(text).is_err(), "{text}");
        }
    }
}

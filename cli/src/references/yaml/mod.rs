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
        } else if !is_nothing(document) {
            let why = "neither a compose file (services) nor a Kubernetes manifest (apiVersion and kind)";
            return Err(Unclear::new(line(document).unwrap_or(1), why));
        }
    }
    // What is both a service and anchored was found twice.
    found.references.sort_by_key(|reference| reference.place.start);
    found.references.dedup_by_key(|reference| reference.place.start);
    Ok(found)
}

/// A manifest, or a list of them. Only a manifest itself can be a `ConfigMap`: deeper down the words mean nothing.
fn kubernetes(manifest: &Node, found: &mut Found) -> Result<(), Unclear> {
    for key in ["apiVersion", "kind", "items"] {
        once(manifest.entries(), key)?;
    }
    let kind = |name: &str| manifest.get("kind").is_some_and(|kind| kind.is(name));
    match manifest.get("items") {
        _ if DATA.iter().any(|name| kind(name)) => Ok(()),
        Some(items) if kind("List") => items.items().iter().try_for_each(|item| kubernetes(item, found)),
        _ => every_image(manifest, found),
    }
}

/// Takes the `image` of every map.
fn every_image(node: &Node, found: &mut Found) -> Result<(), Unclear> {
    once(node.entries(), "image")?;
    for (key, value) in node.entries() {
        match value {
            Node::Scalar(_) | Node::Alias(_) if key.is("image") => image(value, found)?,
            // A volume that is an image.
            value if key.is("image") && value.get("reference").is_some() => {
                image(value.get("reference").unwrap_or(value), found)?;
            }
            value => every_image(value, found)?,
        }
    }
    node.items().iter().try_for_each(|item| every_image(item, found))
}

/// Takes the `image` of every map that an alias may put where a service is.
fn anchored(node: &Node, found: &mut Found) -> Result<(), Unclear> {
    if matches!(node, Node::Anchored(_)) {
        hidden(node, found)?;
        return every_image(node, found);
    }
    node.entries().iter().try_for_each(|(_, value)| anchored(value, found))?;
    node.items().iter().try_for_each(|item| anchored(item, found))
}

/// Refuses what names images without the word, in anything that may be put where a service is, or a part of one.
fn hidden(node: &Node, found: &mut Found) -> Result<(), Unclear> {
    build_refuses_images(node)?;
    if node.get("type").is_some_and(|is| is.is("image"))
        && let Some(source) = node.get("source")
    {
        image(source, found)?;
    }
    node.entries().iter().try_for_each(|(_, value)| hidden(value, found))?;
    node.items().iter().try_for_each(|item| hidden(item, found))
}

fn compose(document: &Node, found: &mut Found) -> Result<(), Unclear> {
    once(document.entries(), "services")?;
    anchored(document, found)?;
    for (key, value) in document.entries() {
        if let Node::Scalar(name) = key {
            match name.value.as_str() {
                "services" => {
                    // What extends another may take its image without its build.
                    let extended = value.entries().iter().any(|(_, service)| service.get("extends").is_some());
                    for (name, service) in value.entries() {
                        compose_service(name, service, extended, found)?;
                    }
                }
                "include" => found.remarks.push("include names other compose files: resolve them, too".to_owned()),
                extension if extension.starts_with("x-") => {
                    hidden(value, found)?;
                    every_image(value, found)?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn compose_service(name: &Node, service: &Node, extended: bool, found: &mut Found) -> Result<(), Unclear> {
    let name = if let Node::Scalar(name) = name { name.value.as_str() } else { "a service" };
    for key in ["image", "build", "pull_policy", "volumes"] {
        once(service.entries(), key)?;
    }
    if let Some(extends) = service.get("extends")
        && extends.get("file").is_some()
    {
        found.remarks.push(format!("{name} extends a service of another file: resolve that, too"));
    }
    let build = service.get("build").filter(|build| !is_nothing(build));
    if let Some(build) = build {
        build_refuses(build)?;
        found.remarks.push(format!("{name} is built: resolve its Dockerfile, too"));
    }
    // What is built here has its name from the file, unless it is to be pulled nevertheless.
    let pulled = service.get("pull_policy").is_some_and(|policy| !policy.is("build") && !policy.is("never"));
    if let Some(value) = service.get("image").filter(|_| build.is_none() || pulled || extended) {
        image(value, found)?;
    }
    if let Some(volumes) = service.get("volumes") {
        let images = volumes.items().iter().filter(|volume| volume.get("type").is_some_and(|is| is.is("image")));
        images.filter_map(|volume| volume.get("source")).try_for_each(|source| image(source, found))?;
    }
    Ok(())
}

fn is_nothing(node: &Node) -> bool {
    ["", "~", "null", "Null", "NULL"].iter().any(|nothing| node.is(nothing))
}

/// Images in a build section, which are not looked for there.
fn build_refuses(build: &Node) -> Result<(), Unclear> {
    if let Node::Alias(line) = build {
        return Err(Unclear::new(*line, "an alias stands here: write the build itself"));
    }
    if let Some(line) = alias_in(build) {
        return Err(Unclear::new(line, "an alias stands here: write the build itself"));
    }
    build_refuses_images(build)
}

/// The line of an alias anywhere in a node.
fn alias_in(node: &Node) -> Option<usize> {
    match node {
        Node::Alias(line) => Some(*line),
        Node::Scalar(_) => None,
        node => {
            let values = node.entries().iter().map(|(_, value)| value).chain(node.items());
            values.filter_map(alias_in).next()
        }
    }
}

fn build_refuses_images(build: &Node) -> Result<(), Unclear> {
    if let Some(inline) = build.get("dockerfile_inline") {
        return Err(Unclear::new(line(inline).unwrap_or(1), "a Dockerfile inside: give it a file of its own"));
    }
    let contexts = build.get("additional_contexts");
    if let Some(line) = contexts.and_then(alias_in) {
        return Err(Unclear::new(line, "an alias stands here: write the contexts themselves"));
    }
    let contexts = contexts.map(scalars).unwrap_or_default();
    match contexts.iter().find(|context| context.value.contains("docker-image://")) {
        Some(context) => Err(Unclear::new(context.line, "an image as build context is not resolved here")),
        None => Ok(()),
    }
}

fn scalars(node: &Node) -> Vec<&Scalar> {
    match node {
        Node::Scalar(scalar) => vec![scalar],
        Node::Alias(_) => Vec::new(),
        node => {
            let values = node.entries().iter().map(|(_, value)| value).chain(node.items());
            values.flat_map(scalars).collect()
        }
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
        node => node.entries().first().map(|(key, _)| key).or_else(|| node.items().first()).and_then(line),
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
    fn nothing_is_hidden_by_words_that_mean_something_elsewhere() {
        let pod =
            "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - {apiVersion: v1, kind: ConfigMap, image: evil}\n";
        assert_eq!(images(pod), ["evil"]);
        assert_eq!(images("services:\n  a:\n    build:\n    image: evil\n"), ["evil"]);
        assert_eq!(images("services:\n  a: {build: ., pull_policy: always, image: evil}\n"), ["evil"]);
        assert!(images("services:\n  a: {build: ., image: own}\n").is_empty());
        let elsewhere =
            "services:\n  a: *x\n  b: {labels: &y {image: evil}}\n  c: {<<: *y}\nvolumes:\n  v: &x {image: evil2}\n";
        assert!(find(elsewhere).is_err(), "an alias before its anchor");
        let elsewhere =
            "volumes:\n  v: &x {image: evil2}\nservices:\n  a: *x\n  b: {labels: &y {image: evil}}\n  c: {<<: *y}\n";
        assert_eq!(images(elsewhere), ["evil2", "evil"]);
        assert_eq!(images("services:\n  a: &a {build: ., image: evil}\n  b: {<<: *a, build: null}\n"), ["evil"]);
        assert_eq!(images("services:\n  a: {build: ., image: evil}\n  b: {extends: a, build: null}\n"), ["evil"]);
        for text in [
            "x-b: &b {build: {dockerfile_inline: FROM evil}}\nservices:\n  a: {<<: *b}\n",
            "x-c: &c {base: docker-image://evil}\nservices:\n  a: {build: {context: ., additional_contexts: *c}}\n",
            "x-b: &b {dockerfile_inline: FROM evil}\nservices:\n  a: {build: {<<: *b}}\n",
        ] {
            assert!(find(text).is_err(), "{text}");
        }
        let volumes = "x-v: &v [{type: image, source: evil, target: /x}]\nservices:\n  a: {volumes: *v}\n";
        assert_eq!(images(volumes), ["evil"]);
        assert_eq!(images("services:\n  a: {volumes: [{type: image, source: evil, target: /x}]}\n"), ["evil"]);
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
            (3, "apiVersion: v1\nkind: ConfigMap\nkind: Pod\nimage: a\n"),
            (4, "x-k: &k image\nservices:\n  a:\n    *k : evil\n"),
            (4, "x-b: &b\nservices:\n  a:\n    build: *b\n    image: evil\n"),
        ] {
            let error = find(text).unwrap_err();
            assert!(error.line == line || error.why.contains("not YAML"), "{text}: {error}");
        }
        for text in ["services:\n  a:\n    image: |\n      alpine\n", "services:\n  a:\n    image: !x alpine\n"] {
            assert!(find(text).is_err(), "{text}");
        }
    }
}

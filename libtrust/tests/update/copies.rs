//! Bundles: copies of a collection, which cannot say what is newest.

use libtrust::client::Bundle;

use super::*;

#[test]
fn a_bundle_is_verified_like_a_server_and_by_those_who_saw_an_older_root() {
    let mut world = World::new();
    let sleeper = Arc::new(MemoryCache::default());
    let asleep = Client::new(world.server.clone(), sleeper.clone()).with_clock(now());
    asleep.update(&gun(), Offline::Never).now_or_never().unwrap().unwrap();
    for _ in 0..2 {
        world.rotate_root();
        world.publish();
    }
    let collection = world.update().unwrap();
    let mut bundle = Bundle::new(now());
    bundle.add(&world.client(), &collection).now_or_never().unwrap().unwrap();
    let text = bundle.to_text();
    let read = Bundle::parse(text.as_bytes()).unwrap();
    assert_eq!(read, bundle);

    let verify = |text: &str, cache: Arc<MemoryCache>| {
        let transport = Arc::new(Bundle::parse(text.as_bytes()).unwrap().transport("bundle"));
        let client = Client::new(transport, cache).with_clock(now());
        client.update(&gun(), Offline::Never).now_or_never().unwrap()
    };
    let image = |collection: &Collection| collection.image("tag-000001", &NameRules::default()).unwrap().digest;
    for cache in [sleeper, Arc::default()] {
        assert_eq!(image(&verify(&text, cache).unwrap()), image(&collection));
    }
    let spoiled = text.replace("tag-000001", "tag-000009");
    assert!(matches!(
        verify(&spoiled, Arc::default()).unwrap_err(),
        UpdateError::Transport(_) | UpdateError::Verify(_)
    ));
    assert!(Bundle::parse(text.replace("bundle/1", "bundle/2").as_bytes()).is_err());
}

#[test]
fn a_copy_is_not_the_server_s_word() {
    let mut world = World::new();
    let collection = world.update().unwrap();
    let mut bundle = Bundle::new(now());
    bundle.add(&world.client(), &collection).now_or_never().unwrap().unwrap();
    let hour = Some(std::time::Duration::from_secs(3600));
    let reads = |world: &World, fresh, cache: Arc<MemoryCache>| {
        let policy = TrustPolicy::default().with_default(NameRules { fresh, ..NameRules::default() });
        let client = Client::new(world.server.clone(), cache).with_policy(policy).with_clock(world.at);
        bundle.update(&client, &gun(), "app.bundle")
    };
    let seen = reads(&world, None, world.cache.clone()).unwrap();
    let copy = Confirmation::Copy { copy: "app.bundle".into(), confirmed: Some(now()) };
    assert_eq!(*seen.confirmation(), copy);
    reads(&world, hour, world.cache.clone()).unwrap();
    world.at = now() + TimeDelta::hours(2);
    assert!(matches!(reads(&world, hour, world.cache.clone()), Err(UpdateError::Stale { .. })));
    let never = Arc::new(MemoryCache::default());
    reads(&world, None, never.clone()).unwrap();
    assert!(matches!(reads(&world, hour, never), Err(UpdateError::Stale { confirmed: None, .. })));
}

use anyhow::Result;
use stories::peers::galera::Galera;
#[test]
fn smoke() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let t = std::time::Instant::now();
    let mut galera = Galera::start(folder.path())?;
    eprintln!("started {:?}", t.elapsed());
    eprintln!("{}", galera.query(2, "trust", "show status like 'wsrep_cluster_size'")?);
    galera.kill(1)?;
    eprintln!("killed {:?}", t.elapsed());
    galera.query(0, "trust", "create table a (b int primary key); insert into a values (1)")?;
    eprintln!("written {:?}", t.elapsed());
    galera.revive(1)?;
    eprintln!("revived {:?}", t.elapsed());
    galera.cut_off(2)?;
    std::thread::sleep(std::time::Duration::from_secs(4));
    eprintln!("{:?}", galera.query(2, "trust", "select * from a"));
    galera.query(0, "trust", "insert into a values (2)")?;
    eprintln!("cut {:?}", t.elapsed());
    galera.heal(2)?;
    eprintln!("healed {:?}", t.elapsed());
    eprintln!("{:?}", galera.query(2, "trust", "select * from a"));
    Ok(())
}

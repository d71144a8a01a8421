//! The page of the API: the document, tried against the lab that shows it.

use anyhow::{Result, ensure};
use system_tests::{LARGE, PHONE};

use crate::stage::scene;

/// Opens a route in Swagger UI and sends it as it stands.
const TRY: &str = "
    const route = document.querySelector('#operations-lab-health');
    route.querySelector('.opblock-summary-control').click();
    const until = what => new Promise(found => {
        const look = () => { const it = what(); it ? found(it) : setTimeout(look, 50); };
        look();
    });
    (await until(() => route.querySelector('.execute'))).click();
    const answer = await until(() => route.querySelector('.live-responses-table tbody .response-col_status'));
    return answer.innerText.trim().slice(0, 3);";

#[tokio::test]
async fn the_document_is_shown_and_a_route_can_be_tried() -> Result<()> {
    scene("api", &[], &[], async |stage| {
        let page = &stage.browser;
        let url = stage.server.url.clone();
        page.goto(&format!("{url}/api")).await?;
        let count = "return document.querySelectorAll('#swagger .opblock').length";
        let routes = page
            .wait("the routes", async || Ok(page.script(count).await?.as_u64().filter(|n| *n > 20)))
            .await?;
        ensure!(routes > 30, "{routes} routes");
        // The lines name this lab, not a usual one.
        let lines =
            page.script("return document.querySelector('[data-lines=curl]').innerText").await?;
        ensure!(lines.as_str().is_some_and(|l| l.contains(&format!("LAB={url}"))), "{lines}");
        page.screenshot("api", LARGE).await?;
        page.screenshot("api", PHONE).await?;
        page.patience_of_scripts(30).await?;
        let tried = page
            .asking(&format!(
                "(async () => {{ {TRY} }})().then(done, error => done(String(error)))"
            ))
            .await?;
        ensure!(tried == "200", "{tried}");
        // Nothing came from elsewhere, and this page is as strict as it may be.
        let foreign = "return performance.getEntriesByType('resource').map(r => r.name)
            .filter(name => !name.startsWith(location.origin) && !name.startsWith('data:'))";
        ensure!(page.script(foreign).await? == serde_json::json!([]));
        // Korean, by the address as everywhere.
        page.goto(&format!("{url}/api?lang=ko")).await?;
        let title = page.script("return document.querySelector('h1').innerText").await?;
        ensure!(title == "랩 API", "{title}");
        Ok(())
    })
    .await
}

/** Texts that would run in a page which takes them for anything but text. */

/** What each of them would do. */
const DEED = "window.__ran=1";

const DEEDS = [
  `<script>${DEED}</script>`,
  `<ScRiPt>${DEED}</sCrIpT>`,
  `<script src=data:text/javascript,${DEED}></script>`,
  `<script type=module>${DEED}</script>`,
  `<img src=x onerror=${DEED}>`,
  `<img src=x onerror="${DEED}">`,
  `<img/src/onerror=${DEED}>`,
  `<image href=x onerror=${DEED}>`,
  `<svg onload=${DEED}>`,
  `<svg><script>${DEED}</script></svg>`,
  `<svg><animate onbegin=${DEED} attributeName=x dur=1s>`,
  `<svg><a xlink:href="javascript:${DEED}"><text>x</text></a></svg>`,
  `<math><maction actiontype="statusline#" xlink:href="javascript:${DEED}">x</maction></math>`,
  `<body onload=${DEED}>`,
  `<details open ontoggle=${DEED}>`,
  `<video><source onerror=${DEED}></video>`,
  `<audio src=x onerror=${DEED}>`,
  `<input autofocus onfocus=${DEED}>`,
  `<marquee onstart=${DEED}>`,
  `<iframe srcdoc="<script>parent.__ran=1</script>"></iframe>`,
  `<iframe src="javascript:parent.__ran=1"></iframe>`,
  `<object data="javascript:${DEED}"></object>`,
  `<embed src="javascript:${DEED}">`,
  `<form action="javascript:${DEED}"><button>x</button></form>`,
  `<base href="javascript:/a/">`,
  `<link rel=stylesheet href="javascript:${DEED}">`,
  `<meta http-equiv=refresh content="0;url=javascript:${DEED}">`,
  `<style>@import 'javascript:${DEED}';</style>`,
  `<div style="background:url(javascript:${DEED})">`,
  `<template><script>${DEED}</script></template>`,
  `<noscript><p title="</noscript><img src=x onerror=${DEED}>">`,
  `<a href="javascript:${DEED}">x</a>`,
  `javascript:${DEED}`,
  `JaVaScRiPt:${DEED}`,
  `java\tscript:${DEED}`,
  `data:text/html,<script>${DEED}</script>`,
  `[x](javascript:${DEED})`,
  `![x](x"onerror="${DEED})`,
  `{{constructor.constructor('${DEED}')()}}`,
  `\${${DEED}}`,
  `%3Cscript%3E${DEED}%3C/script%3E`,
  `&lt;script&gt;${DEED}&lt;/script&gt;`,
  `\\u003cscript\\u003e${DEED}\\u003c/script\\u003e`,
];

/** What would lead out of the place where a text stands. */
const WAYS_OUT = ["", '">', "'>", "-->", "]]>", "</title>", "</textarea>", "</script>", '"}}', "` "];

/** Hundreds: every deed behind every way out. */
export const HOSTILE: readonly string[] = WAYS_OUT.flatMap((way) => DEEDS.map((deed) => way + deed));

/** An event that has the texts wherever an event may have text. */
export function hostileEvent(eventId: string, group: string, texts: readonly string[]) {
  const all = texts.join(" ");
  const [one = ""] = texts;
  const list = [...texts];
  const keyed = Object.fromEntries(list.map((text, i) => [`${i} ${text}`, text]));
  const frame = {
    filename: one,
    abs_path: all,
    module: all,
    function: all,
    package: all,
    lineno: 3,
    in_app: true,
    pre_context: list,
    context_line: all,
    post_context: list,
    vars: keyed,
  };
  return {
    event_id: eventId,
    fingerprint: [group],
    timestamp: Date.now() / 1000,
    platform: "python",
    level: "error",
    logger: all,
    transaction: all,
    server_name: all,
    release: `shop@${one.slice(0, 60)}`,
    dist: one.slice(0, 60),
    environment: one.slice(0, 60),
    sdk: { name: one, version: one },
    logentry: { message: all, formatted: all, params: list },
    exception: {
      values: [
        { type: one, value: all, module: all, stacktrace: { frames: [frame] } },
        {
          type: all,
          value: all,
          module: all,
          mechanism: {
            type: one,
            description: all,
            help_link: all,
            source: one,
            data: keyed,
            handled: false,
          },
          stacktrace: { frames: [{ ...frame, in_app: false }, frame] },
        },
      ],
    },
    threads: { values: [{ id: 1, name: all, crashed: true, stacktrace: { frames: [frame] } }] },
    breadcrumbs: {
      values: list.map((text) => ({
        timestamp: Date.now() / 1000 - 1,
        type: text,
        category: text,
        level: text,
        message: text,
        data: { url: text, method: text, [text]: text },
      })),
    },
    request: {
      url: one,
      method: one,
      query_string: all,
      data: keyed,
      cookies: keyed,
      headers: list.map((text) => [text, text]),
      env: keyed,
    },
    user: { id: one, username: all, email: all, name: all, [one]: all },
    contexts: {
      os: { name: all, version: all },
      browser: { name: one, version: one },
      [one]: { type: one, ...keyed },
    },
    extra: keyed,
    modules: keyed,
    tags: { hostile: one.slice(0, 190), [`h${group}`]: one.slice(0, 190) },
  };
}

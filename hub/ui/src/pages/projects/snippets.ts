/** What one pastes to send the first error, per language, with the project's own DSN in it. */

export interface Snippet {
  id: string;
  label: string;
  /** What to install, as a command. */
  install: string;
  code: string;
  /** The language of the code, for its colours. */
  language: string;
  file: string;
}

export const PLATFORMS: readonly { value: string; label: string }[] = [
  { value: "python", label: "Python" },
  { value: "node", label: "Node.js" },
  { value: "javascript", label: "Browser JavaScript" },
  { value: "rust", label: "Rust" },
  { value: "go", label: "Go" },
  { value: "java", label: "Java" },
  { value: "php", label: "PHP" },
  { value: "ruby", label: "Ruby" },
  { value: "other", label: "Other" },
];

/** The tab that fits a project's platform: "python-django" is Python. */
export function snippetFor(platform: string | null | undefined): string {
  const head = (platform ?? "").split("-")[0] ?? "";
  const found = PLATFORMS.find((each) => each.value === head && each.value !== "other");
  return found?.value ?? "python";
}

export function snippets(dsn: string): Snippet[] {
  return [
    {
      id: "python",
      label: "Python",
      install: "pip install sentry-sdk",
      file: "app.py",
      language: "python",
      code: `import sentry_sdk

sentry_sdk.init(dsn="${dsn}")

raise RuntimeError("Hello from Python")`,
    },
    {
      id: "node",
      label: "Node",
      install: "npm install @sentry/node",
      file: "app.mjs",
      language: "javascript",
      code: `import * as Sentry from "@sentry/node";

Sentry.init({ dsn: "${dsn}" });

throw new Error("Hello from Node");`,
    },
    {
      id: "javascript",
      label: "Browser",
      install: "npm install @sentry/browser",
      file: "main.js",
      language: "javascript",
      code: `import * as Sentry from "@sentry/browser";

Sentry.init({ dsn: "${dsn}" });

setTimeout(() => {
  throw new Error("Hello from the browser");
});`,
    },
    {
      id: "rust",
      label: "Rust",
      install: "cargo add sentry",
      file: "main.rs",
      language: "rust",
      code: `fn main() {
    let _guard = sentry::init((
        "${dsn}",
        sentry::ClientOptions {
            release: sentry::release_name!(),
            ..Default::default()
        },
    ));

    panic!("Hello from Rust");
}`,
    },
    {
      id: "go",
      label: "Go",
      install: "go get github.com/getsentry/sentry-go",
      file: "main.go",
      language: "go",
      code: `package main

import (
	"errors"
	"log"
	"time"

	"github.com/getsentry/sentry-go"
)

func main() {
	err := sentry.Init(sentry.ClientOptions{
		Dsn: "${dsn}",
	})
	if err != nil {
		log.Fatal(err)
	}
	defer sentry.Flush(2 * time.Second)

	sentry.CaptureException(errors.New("Hello from Go"))
}`,
    },
    {
      id: "java",
      label: "Java",
      install: "implementation 'io.sentry:sentry:8.+'",
      file: "Main.java",
      language: "java",
      code: `import io.sentry.Sentry;

public class Main {
  public static void main(String[] args) {
    Sentry.init(options -> options.setDsn("${dsn}"));

    throw new IllegalStateException("Hello from Java");
  }
}`,
    },
    {
      id: "php",
      label: "PHP",
      install: "composer require sentry/sentry",
      file: "index.php",
      language: "php",
      code: `<?php
require 'vendor/autoload.php';

\\Sentry\\init(['dsn' => '${dsn}']);

throw new RuntimeException('Hello from PHP');`,
    },
    {
      id: "ruby",
      label: "Ruby",
      install: "gem install sentry-ruby",
      file: "app.rb",
      language: "ruby",
      code: `require "sentry-ruby"

Sentry.init do |config|
  config.dsn = "${dsn}"
end

begin
  raise "Hello from Ruby"
rescue => error
  Sentry.capture_exception(error)
end`,
    },
  ];
}

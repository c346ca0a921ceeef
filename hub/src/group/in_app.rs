//! Frameworks that are never the application's own code, whatever SDKs say.
//!
//! The normaliser knows runtimes and package folders; here are the names of frameworks, by
//! platform, for code that is bundled, compiled or vendored and so has lost its folder. To add
//! one, add it to the platform's table, under a new [`super::Version`] once this one is out.

use protocol::event::Frame;

const JAVA: &[&str] = &[
    "akka.",
    "brave.",
    "ch.qos.logback.",
    "com.amazonaws.",
    "com.fasterxml.jackson.",
    "com.google.",
    "com.mongodb.",
    "com.mysql.",
    "com.netflix.",
    "com.rabbitmq.",
    "com.squareup.",
    "com.zaxxer.hikari.",
    "dagger.",
    "feign.",
    "graphql.",
    "io.grpc.",
    "io.ktor.",
    "io.lettuce.",
    "io.micrometer.",
    "io.micronaut.",
    "io.opentelemetry.",
    "io.quarkus.",
    "io.vertx.",
    "net.bytebuddy.",
    "okhttp3.",
    "okio.",
    "org.aopalliance.",
    "org.apache.",
    "org.aspectj.",
    "org.eclipse.",
    "org.elasticsearch.",
    "org.flywaydb.",
    "org.glassfish.",
    "org.gradle.",
    "org.jetbrains.",
    "org.joda.",
    "org.mockito.",
    "org.mybatis.",
    "org.postgresql.",
    "org.quartz.",
    "org.slf4j.",
    "org.testng.",
    "org.thymeleaf.",
    "org.xnio.",
    "play.",
    "redis.clients.",
    "retrofit2.",
    "software.amazon.",
    "zio.",
];

const DOTNET: &[&str] = &[
    "Autofac.",
    "AutoMapper.",
    "Castle.",
    "Dapper.",
    "FluentValidation.",
    "Grpc.",
    "Hangfire.",
    "MassTransit.",
    "MediatR.",
    "MongoDB.",
    "MySql.",
    "NHibernate.",
    "NLog.",
    "Newtonsoft.Json.",
    "Npgsql.",
    "Polly.",
    "Quartz.",
    "RestSharp.",
    "Serilog.",
    "StackExchange.",
    "Swashbuckle.",
    "UnityEngine.",
    "UnityEditor.",
    "Xunit.",
    "NUnit.",
];

const PYTHON: &[&str] = &[
    "aiohttp.",
    "alembic.",
    "asgiref.",
    "billiard.",
    "botocore.",
    "celery.",
    "django.",
    "fastapi.",
    "flask.",
    "gevent.",
    "gunicorn.",
    "httpx.",
    "jinja2.",
    "kombu.",
    "pandas.",
    "pluggy.",
    "psycopg2.",
    "pydantic.",
    "pymongo.",
    "redis.",
    "requests.",
    "rest_framework.",
    "sqlalchemy.",
    "starlette.",
    "tornado.",
    "twisted.",
    "urllib3.",
    "uvicorn.",
    "werkzeug.",
];

/// Parts of paths, for scripts.
const SCRIPT: &[&str] = &[
    "/node_modules/",
    "(node_modules)",
    "/.pnpm/",
    "/.yarn/",
    "/bower_components/",
    "/react-dom",
    "/zone.js",
    "/polyfills",
    "/vendor.js",
    "/vendors~",
    "/jquery",
    "webpack/runtime/",
    "turbopack/runtime",
    "/__next/",
    "/next/dist/",
    "vite/modulepreload",
    "InternalBytecode.js",
];

const GO: &[&str] = &[
    "github.com/gin-gonic/",
    "github.com/go-chi/",
    "github.com/gofiber/",
    "github.com/gorilla/",
    "github.com/jackc/",
    "github.com/labstack/echo",
    "github.com/spf13/cobra",
    "github.com/urfave/",
    "github.com/valyala/fasthttp",
    "go.mongodb.org/",
    "go.opentelemetry.io/",
    "go.uber.org/",
    "golang.org/x/",
    "google.golang.org/",
    "gorm.io/",
    "database/sql",
    "encoding/",
    "net/http",
    "runtime/",
    "sync",
];

const RUST: &[&str] = &[
    "actix_",
    "anyhow::",
    "axum::",
    "futures_",
    "hyper::",
    "rayon::",
    "rayon_core::",
    "rocket::",
    "serde_json::",
    "sqlx",
    "tokio::",
    "tower::",
    "tower_http::",
    "tracing::",
];

const ELIXIR: &[&str] = &[
    "Elixir.Ecto",
    "Elixir.Phoenix",
    "Elixir.Plug",
    "Elixir.Task",
    "Elixir.GenServer",
    "Ecto.",
    "Phoenix.",
    "Plug.",
    "Task.",
    "GenServer",
    "gen_server",
    "proc_lib",
    "cowboy",
    "ranch",
];

const DART: &[&str] = &["package:flutter/", "package:dio/", "package:http/", "dart:"];

/// Whether a frame is a framework's.
pub(super) fn is_framework(frame: &Frame<'_>, platform: &str) -> bool {
    let path = frame.abs_path.as_deref().or(frame.filename.as_deref());
    let path = path.unwrap_or_default();
    let module = frame.module.as_deref().unwrap_or_default();
    let function = frame.function.as_deref().unwrap_or_default();
    let package = frame.package.as_deref().unwrap_or_default();
    let starts = |text: &str, list: &[&str]| list.iter().any(|start| text.starts_with(start));
    match frame.platform.as_deref().unwrap_or(platform) {
        "java" | "groovy" => starts(module, JAVA),
        "csharp" => starts(module, DOTNET) || starts(function, DOTNET),
        "python" => starts(module, PYTHON),
        "javascript" | "node" => SCRIPT.iter().any(|part| path.contains(part)),
        "go" => starts(module, GO),
        "elixir" => starts(module, ELIXIR),
        "dart" | "other" if path.starts_with("package:") || path.starts_with("dart:") => {
            starts(path, DART)
        }
        // A method of a trait is named `<crate::Type as Trait>::method`.
        "native" | "c" | "rust" => starts(function.trim_start_matches('<'), RUST),
        "cocoa" | "objc" | "swift" => {
            package.contains(".framework/") && !package.contains("/Bundle/Application/")
        }
        "php" => path.contains("/wp-includes/") || path.contains("/core/lib/Drupal/"),
        "ruby" => path.contains("/ruby/gems/") || path.contains("/bundler/"),
        _ => false,
    }
}

# Types of the methods made of the operations; `python -m tools.stubs` writes this file.
# ruff: noqa: A002, E501, I001, PYI041, Q000
# fmt: off

from typing import Any, Literal

from pyarrow import Table

from datawatch_lab.core.backend_states import BackendState
from datawatch_lab.core.values import Role
from datawatch_lab.core.watching import Finding, Unwatched, WatchState
from datawatch_lab.engine.alerting.actions import Tried
from datawatch_lab.service.access.audit import AuditEntry
from datawatch_lab.service.answers import ColumnAnswer, EventsAnswer, Fixed, HealthAnswer, LedgerAnswer, MetricAnswer, OffsetAnswer, QuarantineAnswer, ReplayAnswer, StatusAnswer, TableAnswer
from datawatch_lab.service.operation import Operation
from datawatch_lab.service.operations.alerts import BacktestAnswer, RuleAnswer
from datawatch_lab.service.operations.alerts_open import AlertAnswer, AlertSummary, TraceLine
from datawatch_lab.service.operations.alerts_told import ChannelAnswer, SilenceAnswer
from datawatch_lab.service.operations.anomalies import AnomalyAnswer, AnomalyDetail, FeedbackEffect
from datawatch_lab.service.operations.anomaly_tuning import CandidateAnswer, PreviewAnswer
from datawatch_lab.service.operations.custom import DropAnswer
from datawatch_lab.service.operations.dashboards import DashboardAnswer, DashboardItem, WidgetAnswer
from datawatch_lab.service.operations.dashboards_access import AccessAnswer, GrantAnswer, LinkAnswer
from datawatch_lab.service.operations.dashboards_exchange import DocumentVerdict, ExportAnswer, KindAnswer, TemplateItem
from datawatch_lab.service.operations.dashboards_versions import DifferenceAnswer, VersionAnswer
from datawatch_lab.service.operations.detectors import DetectorAnswer, DetectorsAnswer
from datawatch_lab.service.operations.forecasts import ForecastAnswer
from datawatch_lab.service.operations.late import CorrectionsAnswer, RetentionAnswer, WatermarkItem
from datawatch_lab.service.operations.metrics import ComparedAnswer, MetricDetail
from datawatch_lab.service.operations.quality import Dropped, ReportAnswer, RuleBody, StatsAnswer, TableQuality, ViolationsAnswer
from datawatch_lab.service.operations.quality_trials import ValidateAnswer
from datawatch_lab.service.operations.reports import RunReportAnswer, ScheduledReport
from datawatch_lab.service.operations.schema import DdlAnswer, SchemaChangeItem, SchemaChangesAnswer, SchemaDiffAnswer, SchemaTable, SchemaTableAnswer
from datawatch_lab.service.operations.schema_snapshots import SchemaSnapshot
from datawatch_lab.service.operations.shares import ShareAnswer
from datawatch_lab.service.operations.sla import SlaAnswer
from datawatch_lab.service.operations.sql import SqlAnswer
from datawatch_lab.service.operations.telemetry import EventsListed, MeasurementsListed, PostedAnswer
from datawatch_lab.service.operations.telemetry_analytics import MetricsData, TimeRange
from datawatch_lab.service.operations.users import MeAnswer, TokenAnswer, UserAnswer
from datawatch_lab.service.quality import RuleItem, ScoreAnswer, SuggestionItem, TriedItem, ViolationItem
from datawatch_lab.service.telemetry.shapes import AggregationRow, Analytics, Behaviour, Dashboard, Prediction, Service, ServiceAnomaly, ServiceDetail, Tasks
from datawatch_lab.service.telemetry.vitals import Vitals

class Operations:
    def _carry_out(self, operation: Operation[Any, Any], ask: Any) -> Any: ...
    def acknowledge_alert(self, id: str, *, user: str = ..., note: str = ...) -> AlertAnswer: ...
    def acknowledge_anomaly(self, id: str, *, user: str = ...) -> AnomalyAnswer: ...
    def acknowledge_violation(self, id: str, *, user: str | None = ...) -> ViolationItem: ...
    def active_alerts(self) -> list[AlertAnswer]: ...
    def add_alert_rule(
        self,
        name: str,
        *,
        condition: str = ...,
        metric: str = ...,
        type: str = ...,
        table: str = ...,
        aggregation: str = ...,
        filters: dict[str, str] = ...,
        group_by: list[str] = ...,
        lasting: str = ...,
        keep_firing_for: str = ...,
        severity: str = ...,
        channels: list[str] = ...,
        no_data: str = ...,
        description: str = ...,
        is_enabled: bool = ...,
    ) -> RuleAnswer: ...
    def add_dashboard(
        self,
        id: str | None = ...,
        *,
        name: str | None = ...,
        description: str | None = ...,
        tiles: list[dict[str, Any]] | None = ...,
        widgets: list[dict[str, Any]] | None = ...,
        variables: list[dict[str, Any]] | None = ...,
        filters: dict[str, Any] | list[dict[str, Any]] | None = ...,
        time_range: str | dict[str, Any] | None = ...,
        refresh: str | int | float | None = ...,
        theme: str | None = ...,
        annotations: list[str] | None = ...,
        notes: list[dict[str, Any]] | None = ...,
        template: str | None = ...,
        is_public: bool | None = ...,
        older_range: str | dict[str, Any] | None = ...,
        older_refresh: str | int | float | None = ...,
        older_public: bool | None = ...,
    ) -> DashboardAnswer: ...
    def add_quality_rule(
        self,
        table: str,
        rule: str,
        *,
        id: str | None = ...,
        field: str | None = ...,
        fields: list[str] | None = ...,
        dimension: str | None = ...,
        threshold: str | float | None = ...,
        alert_on: str | None = ...,
        description: str | None = ...,
        name: str | None = ...,
        weight: float | None = ...,
        severity: str | None = ...,
        enabled: bool | None = ...,
        filter: str | None = ...,
        values: list[str | int | float | bool] | None = ...,
        min: float | str | None = ...,
        max: float | str | None = ...,
        pattern: str | None = ...,
        type: str | None = ...,
        references: str | None = ...,
        expression: str | None = ...,
        sql: str | None = ...,
        quantile: float | None = ...,
        window: str | None = ...,
        baseline: str | None = ...,
        backfill: bool = ...,
        origin: str = ...,
    ) -> RuleItem: ...
    def add_silence(
        self,
        matchers: dict[str, str],
        *,
        lasting: str = ...,
        start: str = ...,
        comment: str = ...,
    ) -> SilenceAnswer: ...
    def add_user(self, name: str, *, role: str = ..., password: str | None = ...) -> UserAnswer: ...
    def add_widget(
        self,
        id: str,
        *,
        kind: str | None = ...,
        type: str | None = ...,
        title: str | None = ...,
        query: str | dict[str, Any] | None = ...,
        queries: list[dict[str, Any]] | None = ...,
        metric: str | None = ...,
        metrics: list[str] | None = ...,
        sql: str | None = ...,
        table: str | None = ...,
        aggregation: str | None = ...,
        by: list[str] | None = ...,
        group_by: list[str] | None = ...,
        filters: dict[str, Any] | list[dict[str, Any]] | None = ...,
        step: str | None = ...,
        compare: str | None = ...,
        x: int | None = ...,
        y: int | None = ...,
        w: int | None = ...,
        h: int | None = ...,
        position: dict[str, int] | None = ...,
        window: str | None = ...,
        options: dict[str, Any] | None = ...,
        config: dict[str, Any] | None = ...,
        note: str | None = ...,
        older_refresh: str | int | float | None = ...,
    ) -> WidgetAnswer: ...
    def aggregations(
        self,
        service_id: str | None = ...,
        *,
        limit: int = ...,
    ) -> list[AggregationRow]: ...
    def alert_channels(self) -> list[ChannelAnswer]: ...
    def alert_history(
        self,
        start: str = ...,
        *,
        rule: str = ...,
        limit: int = ...,
    ) -> list[AlertAnswer]: ...
    def alert_rule(self, id: str) -> RuleAnswer: ...
    def alert_rules(self) -> list[RuleAnswer]: ...
    def alert_summary(self) -> AlertSummary: ...
    def alert_trace(self, id: str) -> list[TraceLine]: ...
    def analytics_anomalies(
        self,
        service_id: str = ...,
        *,
        limit: int = ...,
    ) -> list[ServiceAnomaly]: ...
    def analytics_behavior(
        self,
        body: bytes,
        *,
        content_type: str = ...,
        content_encoding: str = ...,
        wait: bool = ...,
    ) -> PostedAnswer: ...
    def analytics_business(
        self,
        body: bytes,
        *,
        content_type: str = ...,
        content_encoding: str = ...,
        wait: bool = ...,
    ) -> PostedAnswer: ...
    def analytics_dashboard(
        self,
        service_id: str | None = ...,
        *,
        limit: int = ...,
    ) -> Analytics: ...
    def analytics_events(
        self,
        body: bytes,
        *,
        content_type: str = ...,
        content_encoding: str = ...,
        wait: bool = ...,
    ) -> PostedAnswer: ...
    def analytics_metrics(
        self,
        body: bytes,
        *,
        content_type: str = ...,
        content_encoding: str = ...,
        wait: bool = ...,
    ) -> PostedAnswer: ...
    def analytics_performance(
        self,
        body: bytes,
        *,
        content_type: str = ...,
        content_encoding: str = ...,
        wait: bool = ...,
    ) -> PostedAnswer: ...
    def analytics_tasks(
        self,
        body: bytes,
        *,
        content_type: str = ...,
        content_encoding: str = ...,
        wait: bool = ...,
    ) -> PostedAnswer: ...
    def anomalies(
        self,
        start: str = ...,
        *,
        end: str = ...,
        metric: str = ...,
        table: str = ...,
        service: str = ...,
        severity: str = ...,
        type: str = ...,
        active: bool = ...,
        withdrawn: bool = ...,
        incident: str = ...,
        group: str = ...,
        wait: str = ...,
        limit: int = ...,
    ) -> list[AnomalyAnswer]: ...
    def anomaly(self, id: str) -> AnomalyDetail: ...
    def anomaly_feedback(
        self,
        id: str,
        verdict: Literal['real', 'expected', 'known_event'],
        *,
        note: str = ...,
        user: str = ...,
    ) -> FeedbackEffect: ...
    def audit(
        self,
        who: str = ...,
        *,
        operation: str = ...,
        target: str = ...,
        outcome: str = ...,
        start: str | None = ...,
        end: str | None = ...,
        before: int = ...,
        limit: int = ...,
    ) -> list[AuditEntry]: ...
    def backends(self) -> list[BackendState]: ...
    def backtest_alert(
        self,
        id: str = ...,
        *,
        rule: dict[str, Any] | None = ...,
        start: str = ...,
        end: str = ...,
    ) -> BacktestAnswer: ...
    def change_alert_rule(
        self,
        name: str,
        id: str,
        *,
        condition: str = ...,
        metric: str = ...,
        type: str = ...,
        table: str = ...,
        aggregation: str = ...,
        filters: dict[str, str] = ...,
        group_by: list[str] = ...,
        lasting: str = ...,
        keep_firing_for: str = ...,
        severity: str = ...,
        channels: list[str] = ...,
        no_data: str = ...,
        description: str = ...,
        is_enabled: bool = ...,
    ) -> RuleAnswer: ...
    def change_dashboard(
        self,
        id: str,
        *,
        name: str | None = ...,
        description: str | None = ...,
        tiles: list[dict[str, Any]] | None = ...,
        widgets: list[dict[str, Any]] | None = ...,
        variables: list[dict[str, Any]] | None = ...,
        filters: dict[str, Any] | list[dict[str, Any]] | None = ...,
        time_range: str | dict[str, Any] | None = ...,
        refresh: str | int | float | None = ...,
        theme: str | None = ...,
        annotations: list[str] | None = ...,
        notes: list[dict[str, Any]] | None = ...,
        template: str | None = ...,
        is_public: bool | None = ...,
        older_range: str | dict[str, Any] | None = ...,
        older_refresh: str | int | float | None = ...,
        older_public: bool | None = ...,
        version: int | None = ...,
        autosave: bool = ...,
    ) -> DashboardAnswer: ...
    def change_metric(
        self,
        name: str,
        *,
        table: str = ...,
        aggregation: str = ...,
        expression: str = ...,
        filter: str = ...,
        on: Literal['inserts', 'updates', 'deletes', 'changes'] = ...,
        group_by: list[str] = ...,
        formula: str = ...,
        unit: str = ...,
        description: str = ...,
        backfill: bool = ...,
    ) -> MetricDetail: ...
    def change_password(self, old: str, new: str) -> UserAnswer: ...
    def change_quality_rule(
        self,
        table: str,
        rule: str,
        *,
        id: str | None = ...,
        field: str | None = ...,
        fields: list[str] | None = ...,
        dimension: str | None = ...,
        threshold: str | float | None = ...,
        alert_on: str | None = ...,
        description: str | None = ...,
        name: str | None = ...,
        weight: float | None = ...,
        severity: str | None = ...,
        enabled: bool | None = ...,
        filter: str | None = ...,
        values: list[str | int | float | bool] | None = ...,
        min: float | str | None = ...,
        max: float | str | None = ...,
        pattern: str | None = ...,
        type: str | None = ...,
        references: str | None = ...,
        expression: str | None = ...,
        sql: str | None = ...,
        quantile: float | None = ...,
        window: str | None = ...,
        baseline: str | None = ...,
        backfill: bool = ...,
        origin: str = ...,
    ) -> RuleItem: ...
    def change_user(
        self,
        name: str,
        *,
        role: str | None = ...,
        password: str | None = ...,
    ) -> UserAnswer: ...
    def change_widget(
        self,
        id: str,
        *,
        kind: str | None = ...,
        type: str | None = ...,
        title: str | None = ...,
        query: str | dict[str, Any] | None = ...,
        queries: list[dict[str, Any]] | None = ...,
        metric: str | None = ...,
        metrics: list[str] | None = ...,
        sql: str | None = ...,
        table: str | None = ...,
        aggregation: str | None = ...,
        by: list[str] | None = ...,
        group_by: list[str] | None = ...,
        filters: dict[str, Any] | list[dict[str, Any]] | None = ...,
        step: str | None = ...,
        compare: str | None = ...,
        x: int | None = ...,
        y: int | None = ...,
        w: int | None = ...,
        h: int | None = ...,
        position: dict[str, int] | None = ...,
        window: str | None = ...,
        options: dict[str, Any] | None = ...,
        config: dict[str, Any] | None = ...,
        note: str | None = ...,
        older_refresh: str | int | float | None = ...,
    ) -> WidgetAnswer: ...
    def correct_column(
        self,
        table: str,
        column: str,
        *,
        role: Role | None = ...,
        sensitive: bool | None = ...,
        reset: bool = ...,
    ) -> ColumnAnswer: ...
    def corrections(
        self,
        name: str,
        *,
        start: str | None = ...,
        end: str | None = ...,
        step: str = ...,
        aggregation: str | None = ...,
        group_by: str | None = ...,
    ) -> CorrectionsAnswer: ...
    def dashboard_access(self, id: str) -> AccessAnswer: ...
    def dashboard_diff(
        self,
        id: str,
        *,
        old: int | None = ...,
        new: int | None = ...,
    ) -> list[DifferenceAnswer]: ...
    def dashboard_template(self, name: str) -> DashboardAnswer: ...
    def dashboard_templates(self) -> list[TemplateItem]: ...
    def dashboard_version(self, id: str, version: int) -> DashboardAnswer: ...
    def dashboard_versions(self, id: str) -> list[VersionAnswer]: ...
    def define_metric(
        self,
        name: str,
        *,
        table: str = ...,
        aggregation: str = ...,
        expression: str = ...,
        filter: str = ...,
        on: Literal['inserts', 'updates', 'deletes', 'changes'] = ...,
        group_by: list[str] = ...,
        formula: str = ...,
        unit: str = ...,
        description: str = ...,
        backfill: bool = ...,
    ) -> MetricDetail: ...
    def detectors(self, metric: str = ...) -> DetectorsAnswer: ...
    def diagnose(
        self,
        name: str = ...,
        *,
        url: str = ...,
        include: str = ...,
        exclude: str = ...,
    ) -> list[Finding]: ...
    def diagnose_address(
        self,
        url: str,
        *,
        name: str = ...,
        include: list[str] = ...,
        exclude: list[str] = ...,
        snapshot: bool = ...,
    ) -> list[Finding]: ...
    def drop_alert_rule(self, id: str) -> RuleAnswer: ...
    def drop_dashboard(self, id: str) -> None: ...
    def drop_metric(self, name: str) -> DropAnswer: ...
    def drop_quality_rule(self, id: str) -> Dropped: ...
    def drop_widget(self, id: str) -> None: ...
    def dropped_dashboards(self) -> list[VersionAnswer]: ...
    def duplicate_dashboard(self, id: str, *, name: str = ...) -> DashboardAnswer: ...
    def end_silence(self, id: str) -> SilenceAnswer: ...
    def export_dashboard(self, id: str, *, format: str = ...) -> ExportAnswer: ...
    def forecast(
        self,
        metric: str,
        *,
        horizon: str = ...,
        by: str | None = ...,
        filters: str | list[str] | None = ...,
        aggregation: str | None = ...,
        level: float = ...,
        model: str = ...,
        threshold: float | None = ...,
        past: int = ...,
    ) -> ForecastAnswer: ...
    def get_dashboard(self, id: str) -> DashboardAnswer: ...
    def get_metric(self, name: str) -> MetricDetail: ...
    def grant_dashboard(self, id: str, user: str, role: str) -> GrantAnswer: ...
    def health(self) -> HealthAnswer: ...
    def import_dashboard(
        self,
        text: str,
        *,
        replace: bool = ...,
        copy: bool = ...,
        name: str = ...,
    ) -> DashboardAnswer: ...
    def ledger(self) -> LedgerAnswer: ...
    def list_dashboards(self, search: str = ...) -> list[DashboardItem]: ...
    def list_events(
        self,
        type: str | None = ...,
        *,
        service: str | None = ...,
        limit: int = ...,
    ) -> EventsListed: ...
    def list_measurements(
        self,
        name: str | None = ...,
        *,
        service: str | None = ...,
        limit: int = ...,
    ) -> MeasurementsListed: ...
    def list_metrics(
        self,
        table: str | None = ...,
        *,
        search: str | None = ...,
    ) -> list[MetricAnswer]: ...
    def list_services(self) -> list[Service]: ...
    def list_shares(self) -> list[ShareAnswer]: ...
    def list_tokens(self, user: str = ...) -> list[TokenAnswer]: ...
    def list_users(self) -> list[UserAnswer]: ...
    def make_schema_snapshot(
        self,
        name: str,
        *,
        at: str | None = ...,
        note: str = ...,
    ) -> SchemaSnapshot: ...
    def make_share(self, resource: str, *, expires: str = ...) -> ShareAnswer: ...
    def make_token(
        self,
        user: str = ...,
        *,
        name: str = ...,
        role: str | None = ...,
        expires: str | None = ...,
    ) -> TokenAnswer: ...
    def me(self) -> MeAnswer: ...
    def measure_sla(
        self,
        objectives: list[str | dict[str, Any]],
        *,
        month: str = ...,
    ) -> SlaAnswer: ...
    def missed_anomalies(
        self,
        metric: str,
        start: str,
        end: str,
        *,
        labels: dict[str, str] = ...,
        days: float = ...,
        allowed: float = ...,
    ) -> list[CandidateAnswer]: ...
    def post_ddl(
        self,
        sql: str,
        *,
        dialect: str = ...,
        table: str = ...,
        at: str | None = ...,
        dry_run: bool = ...,
    ) -> DdlAnswer: ...
    def post_event(
        self,
        body: bytes,
        *,
        content_type: str = ...,
        content_encoding: str = ...,
        wait: bool = ...,
    ) -> EventsAnswer: ...
    def post_events(
        self,
        body: bytes,
        *,
        content_type: str = ...,
        content_encoding: str = ...,
        wait: bool = ...,
    ) -> EventsAnswer: ...
    def post_heartbeat(
        self,
        body: bytes,
        *,
        content_type: str = ...,
        content_encoding: str = ...,
        wait: bool = ...,
    ) -> PostedAnswer: ...
    def predictions(
        self,
        service_id: str | None = ...,
        *,
        limit: int = ...,
    ) -> list[Prediction]: ...
    def preview_anomalies(
        self,
        metric: str,
        *,
        labels: dict[str, str] = ...,
        sensitivity: str | float | list[str | float] | None = ...,
        days: float = ...,
        points: int = ...,
        algorithms: list[str] | None = ...,
    ) -> PreviewAnswer: ...
    def quality_backtest(
        self,
        rule: RuleBody,
        *,
        from_: str | None = ...,
        to: str | None = ...,
        masked: bool = ...,
    ) -> TriedItem: ...
    def quality_check(
        self,
        table: str | None = ...,
        *,
        rule: str | None = ...,
        masked: bool = ...,
    ) -> list[TriedItem]: ...
    def quality_report(
        self,
        window: str = ...,
        *,
        table: str | None = ...,
        end: str | None = ...,
    ) -> ReportAnswer: ...
    def quality_rule(self, id: str) -> RuleItem: ...
    def quality_rules(self, table: str | None = ..., *, window: str = ...) -> list[RuleItem]: ...
    def quality_score(
        self,
        window: str = ...,
        *,
        table: str | None = ...,
        end: str | None = ...,
    ) -> ScoreAnswer: ...
    def quality_stats(self) -> StatsAnswer: ...
    def quality_suggestions(self, table: str | None = ...) -> list[SuggestionItem]: ...
    def quality_table(self, table: str, *, window: str = ...) -> TableQuality: ...
    def quality_validate(self, table: str, record: dict[str, Any]) -> ValidateAnswer: ...
    def quality_violations(
        self,
        table: str | None = ...,
        *,
        rule: str | None = ...,
        state: str = ...,
        from_: str | None = ...,
        to: str | None = ...,
        limit: int = ...,
        masked: bool = ...,
    ) -> ViolationsAnswer: ...
    def quarantine(self, limit: int = ..., *, state: str = ...) -> QuarantineAnswer: ...
    def query(
        self,
        name: str,
        *,
        start: str | None = ...,
        end: str | None = ...,
        aggregation: str | None = ...,
        group_by: str | None = ...,
        filters: str | list[str] | None = ...,
        compare: str | None = ...,
        backend: str | None = ...,
    ) -> ComparedAnswer: ...
    def query_metrics(
        self,
        metric_name: str,
        *,
        time_range: TimeRange = ...,
        aggregation: str | None = ...,
        group_by: str | list[str] | None = ...,
        filters: dict[str, str] | None = ...,
        step: str | None = ...,
    ) -> MetricsData: ...
    def query_table(
        self,
        name: str,
        *,
        start: str | None = ...,
        end: str | None = ...,
        aggregation: str | None = ...,
        group_by: str | None = ...,
        filters: str | list[str] | None = ...,
        compare: str | None = ...,
        backend: str | None = ...,
    ) -> Table: ...
    def range_query(
        self,
        name: str,
        *,
        start: str | None = ...,
        end: str | None = ...,
        aggregation: str | None = ...,
        group_by: str | None = ...,
        filters: str | list[str] | None = ...,
        compare: str | None = ...,
        backend: str | None = ...,
        step: str | None = ...,
        points: int | None = ...,
    ) -> ComparedAnswer: ...
    def range_query_table(
        self,
        name: str,
        *,
        start: str | None = ...,
        end: str | None = ...,
        aggregation: str | None = ...,
        group_by: str | None = ...,
        filters: str | list[str] | None = ...,
        compare: str | None = ...,
        backend: str | None = ...,
        step: str | None = ...,
        points: int | None = ...,
    ) -> Table: ...
    def record_measurements(
        self,
        body: bytes,
        *,
        content_type: str = ...,
        content_encoding: str = ...,
        wait: bool = ...,
    ) -> PostedAnswer: ...
    def remove_user(self, name: str) -> UserAnswer: ...
    def replay(self, ids: list[int] = ..., *, fixed: list[Fixed] = ...) -> ReplayAnswer: ...
    def reports(self, runs: int = ...) -> list[ScheduledReport]: ...
    def resend_to_backend(self, name: str = ..., *, start: str = ...) -> list[BackendState]: ...
    def reset_detector(self, id: str) -> DetectorAnswer: ...
    def resolve_alert(self, id: str, *, user: str = ..., note: str = ...) -> AlertAnswer: ...
    def retention(self) -> RetentionAnswer: ...
    def revoke_share(self, id: str) -> ShareAnswer: ...
    def revoke_token(self, id: str) -> TokenAnswer: ...
    def rollback_dashboard(self, id: str, *, version: int | None = ...) -> DashboardAnswer: ...
    def run_report(self, name: str) -> RunReportAnswer: ...
    def save_detector(
        self,
        metric: str,
        sensitivity: str | float,
        *,
        labels: dict[str, str] = ...,
        algorithms: list[str] | None = ...,
    ) -> DetectorAnswer: ...
    def schema_change(self, id: str) -> SchemaChangeItem: ...
    def schema_changes(
        self,
        start: str | None = ...,
        *,
        end: str | None = ...,
        table: str = ...,
        column: str = ...,
        kind: str = ...,
        impact: str = ...,
        described: bool = ...,
        limit: int = ...,
    ) -> SchemaChangesAnswer: ...
    def schema_diff(self, start: str, *, end: str = ...) -> SchemaDiffAnswer: ...
    def schema_snapshots(self) -> list[SchemaSnapshot]: ...
    def schema_table(
        self,
        table: str,
        *,
        at: str | None = ...,
        limit: int = ...,
    ) -> SchemaTableAnswer: ...
    def schema_tables(self, at: str | None = ...) -> list[SchemaTable]: ...
    def server_vitals(self) -> Vitals: ...
    def service_dashboard(self) -> Dashboard: ...
    def service_metrics(self, service: str) -> ServiceDetail: ...
    def share_dashboard(self, id: str, *, expires: str = ...) -> LinkAnswer: ...
    def silences(self) -> list[SilenceAnswer]: ...
    def sla(self, month: str = ...) -> SlaAnswer: ...
    def snooze_alert(
        self,
        id: str,
        *,
        user: str = ...,
        note: str = ...,
        lasting: str = ...,
    ) -> AlertAnswer: ...
    def source_offset(self, source: str) -> OffsetAnswer: ...
    def sources(self) -> list[WatchState]: ...
    def sql(
        self,
        query: str,
        *,
        limit: int | None = ...,
        masked: bool = ...,
        parameters: dict[str, str | int | float | bool | list[str] | None] = ...,
        start: str | None = ...,
        end: str | None = ...,
    ) -> SqlAnswer: ...
    def sql_table(
        self,
        query: str,
        *,
        limit: int | None = ...,
        masked: bool = ...,
        parameters: dict[str, str | int | float | bool | list[str] | None] = ...,
        start: str | None = ...,
        end: str | None = ...,
    ) -> Table: ...
    def status(self) -> StatusAnswer: ...
    def submit_batch(self, body: bytes) -> EventsAnswer: ...
    def tables(self, name: str | None = ...) -> list[TableAnswer]: ...
    def task_overview(self) -> Tasks: ...
    def test_alert(self, channels: list[str] = ...) -> list[Tried]: ...
    def tile_kinds(self) -> list[KindAnswer]: ...
    def track_events(
        self,
        body: bytes,
        *,
        content_type: str = ...,
        content_encoding: str = ...,
        wait: bool = ...,
    ) -> PostedAnswer: ...
    def unwatch(self, name: str, *, keep: bool = ...) -> Unwatched: ...
    def user_behavior(self) -> Behaviour: ...
    def validate_dashboard(
        self,
        text: str = ...,
        *,
        dashboard: dict[str, Any] | None = ...,
    ) -> DocumentVerdict: ...
    def watch(
        self,
        url: str,
        *,
        name: str = ...,
        include: list[str] = ...,
        exclude: list[str] = ...,
        snapshot: bool = ...,
    ) -> WatchState: ...
    def watermarks(self) -> list[WatermarkItem]: ...
    def widget(self, id: str) -> WidgetAnswer: ...
    def withdraw_dashboard(self, id: str, user: str) -> None: ...

class AsyncOperations:
    async def _carry_out(self, operation: Operation[Any, Any], ask: Any) -> Any: ...
    async def acknowledge_alert(
        self,
        id: str,
        *,
        user: str = ...,
        note: str = ...,
    ) -> AlertAnswer: ...
    async def acknowledge_anomaly(self, id: str, *, user: str = ...) -> AnomalyAnswer: ...
    async def acknowledge_violation(self, id: str, *, user: str | None = ...) -> ViolationItem: ...
    async def active_alerts(self) -> list[AlertAnswer]: ...
    async def add_alert_rule(
        self,
        name: str,
        *,
        condition: str = ...,
        metric: str = ...,
        type: str = ...,
        table: str = ...,
        aggregation: str = ...,
        filters: dict[str, str] = ...,
        group_by: list[str] = ...,
        lasting: str = ...,
        keep_firing_for: str = ...,
        severity: str = ...,
        channels: list[str] = ...,
        no_data: str = ...,
        description: str = ...,
        is_enabled: bool = ...,
    ) -> RuleAnswer: ...
    async def add_dashboard(
        self,
        id: str | None = ...,
        *,
        name: str | None = ...,
        description: str | None = ...,
        tiles: list[dict[str, Any]] | None = ...,
        widgets: list[dict[str, Any]] | None = ...,
        variables: list[dict[str, Any]] | None = ...,
        filters: dict[str, Any] | list[dict[str, Any]] | None = ...,
        time_range: str | dict[str, Any] | None = ...,
        refresh: str | int | float | None = ...,
        theme: str | None = ...,
        annotations: list[str] | None = ...,
        notes: list[dict[str, Any]] | None = ...,
        template: str | None = ...,
        is_public: bool | None = ...,
        older_range: str | dict[str, Any] | None = ...,
        older_refresh: str | int | float | None = ...,
        older_public: bool | None = ...,
    ) -> DashboardAnswer: ...
    async def add_quality_rule(
        self,
        table: str,
        rule: str,
        *,
        id: str | None = ...,
        field: str | None = ...,
        fields: list[str] | None = ...,
        dimension: str | None = ...,
        threshold: str | float | None = ...,
        alert_on: str | None = ...,
        description: str | None = ...,
        name: str | None = ...,
        weight: float | None = ...,
        severity: str | None = ...,
        enabled: bool | None = ...,
        filter: str | None = ...,
        values: list[str | int | float | bool] | None = ...,
        min: float | str | None = ...,
        max: float | str | None = ...,
        pattern: str | None = ...,
        type: str | None = ...,
        references: str | None = ...,
        expression: str | None = ...,
        sql: str | None = ...,
        quantile: float | None = ...,
        window: str | None = ...,
        baseline: str | None = ...,
        backfill: bool = ...,
        origin: str = ...,
    ) -> RuleItem: ...
    async def add_silence(
        self,
        matchers: dict[str, str],
        *,
        lasting: str = ...,
        start: str = ...,
        comment: str = ...,
    ) -> SilenceAnswer: ...
    async def add_user(
        self,
        name: str,
        *,
        role: str = ...,
        password: str | None = ...,
    ) -> UserAnswer: ...
    async def add_widget(
        self,
        id: str,
        *,
        kind: str | None = ...,
        type: str | None = ...,
        title: str | None = ...,
        query: str | dict[str, Any] | None = ...,
        queries: list[dict[str, Any]] | None = ...,
        metric: str | None = ...,
        metrics: list[str] | None = ...,
        sql: str | None = ...,
        table: str | None = ...,
        aggregation: str | None = ...,
        by: list[str] | None = ...,
        group_by: list[str] | None = ...,
        filters: dict[str, Any] | list[dict[str, Any]] | None = ...,
        step: str | None = ...,
        compare: str | None = ...,
        x: int | None = ...,
        y: int | None = ...,
        w: int | None = ...,
        h: int | None = ...,
        position: dict[str, int] | None = ...,
        window: str | None = ...,
        options: dict[str, Any] | None = ...,
        config: dict[str, Any] | None = ...,
        note: str | None = ...,
        older_refresh: str | int | float | None = ...,
    ) -> WidgetAnswer: ...
    async def aggregations(
        self,
        service_id: str | None = ...,
        *,
        limit: int = ...,
    ) -> list[AggregationRow]: ...
    async def alert_channels(self) -> list[ChannelAnswer]: ...
    async def alert_history(
        self,
        start: str = ...,
        *,
        rule: str = ...,
        limit: int = ...,
    ) -> list[AlertAnswer]: ...
    async def alert_rule(self, id: str) -> RuleAnswer: ...
    async def alert_rules(self) -> list[RuleAnswer]: ...
    async def alert_summary(self) -> AlertSummary: ...
    async def alert_trace(self, id: str) -> list[TraceLine]: ...
    async def analytics_anomalies(
        self,
        service_id: str = ...,
        *,
        limit: int = ...,
    ) -> list[ServiceAnomaly]: ...
    async def analytics_behavior(
        self,
        body: bytes,
        *,
        content_type: str = ...,
        content_encoding: str = ...,
        wait: bool = ...,
    ) -> PostedAnswer: ...
    async def analytics_business(
        self,
        body: bytes,
        *,
        content_type: str = ...,
        content_encoding: str = ...,
        wait: bool = ...,
    ) -> PostedAnswer: ...
    async def analytics_dashboard(
        self,
        service_id: str | None = ...,
        *,
        limit: int = ...,
    ) -> Analytics: ...
    async def analytics_events(
        self,
        body: bytes,
        *,
        content_type: str = ...,
        content_encoding: str = ...,
        wait: bool = ...,
    ) -> PostedAnswer: ...
    async def analytics_metrics(
        self,
        body: bytes,
        *,
        content_type: str = ...,
        content_encoding: str = ...,
        wait: bool = ...,
    ) -> PostedAnswer: ...
    async def analytics_performance(
        self,
        body: bytes,
        *,
        content_type: str = ...,
        content_encoding: str = ...,
        wait: bool = ...,
    ) -> PostedAnswer: ...
    async def analytics_tasks(
        self,
        body: bytes,
        *,
        content_type: str = ...,
        content_encoding: str = ...,
        wait: bool = ...,
    ) -> PostedAnswer: ...
    async def anomalies(
        self,
        start: str = ...,
        *,
        end: str = ...,
        metric: str = ...,
        table: str = ...,
        service: str = ...,
        severity: str = ...,
        type: str = ...,
        active: bool = ...,
        withdrawn: bool = ...,
        incident: str = ...,
        group: str = ...,
        wait: str = ...,
        limit: int = ...,
    ) -> list[AnomalyAnswer]: ...
    async def anomaly(self, id: str) -> AnomalyDetail: ...
    async def anomaly_feedback(
        self,
        id: str,
        verdict: Literal['real', 'expected', 'known_event'],
        *,
        note: str = ...,
        user: str = ...,
    ) -> FeedbackEffect: ...
    async def audit(
        self,
        who: str = ...,
        *,
        operation: str = ...,
        target: str = ...,
        outcome: str = ...,
        start: str | None = ...,
        end: str | None = ...,
        before: int = ...,
        limit: int = ...,
    ) -> list[AuditEntry]: ...
    async def backends(self) -> list[BackendState]: ...
    async def backtest_alert(
        self,
        id: str = ...,
        *,
        rule: dict[str, Any] | None = ...,
        start: str = ...,
        end: str = ...,
    ) -> BacktestAnswer: ...
    async def change_alert_rule(
        self,
        name: str,
        id: str,
        *,
        condition: str = ...,
        metric: str = ...,
        type: str = ...,
        table: str = ...,
        aggregation: str = ...,
        filters: dict[str, str] = ...,
        group_by: list[str] = ...,
        lasting: str = ...,
        keep_firing_for: str = ...,
        severity: str = ...,
        channels: list[str] = ...,
        no_data: str = ...,
        description: str = ...,
        is_enabled: bool = ...,
    ) -> RuleAnswer: ...
    async def change_dashboard(
        self,
        id: str,
        *,
        name: str | None = ...,
        description: str | None = ...,
        tiles: list[dict[str, Any]] | None = ...,
        widgets: list[dict[str, Any]] | None = ...,
        variables: list[dict[str, Any]] | None = ...,
        filters: dict[str, Any] | list[dict[str, Any]] | None = ...,
        time_range: str | dict[str, Any] | None = ...,
        refresh: str | int | float | None = ...,
        theme: str | None = ...,
        annotations: list[str] | None = ...,
        notes: list[dict[str, Any]] | None = ...,
        template: str | None = ...,
        is_public: bool | None = ...,
        older_range: str | dict[str, Any] | None = ...,
        older_refresh: str | int | float | None = ...,
        older_public: bool | None = ...,
        version: int | None = ...,
        autosave: bool = ...,
    ) -> DashboardAnswer: ...
    async def change_metric(
        self,
        name: str,
        *,
        table: str = ...,
        aggregation: str = ...,
        expression: str = ...,
        filter: str = ...,
        on: Literal['inserts', 'updates', 'deletes', 'changes'] = ...,
        group_by: list[str] = ...,
        formula: str = ...,
        unit: str = ...,
        description: str = ...,
        backfill: bool = ...,
    ) -> MetricDetail: ...
    async def change_password(self, old: str, new: str) -> UserAnswer: ...
    async def change_quality_rule(
        self,
        table: str,
        rule: str,
        *,
        id: str | None = ...,
        field: str | None = ...,
        fields: list[str] | None = ...,
        dimension: str | None = ...,
        threshold: str | float | None = ...,
        alert_on: str | None = ...,
        description: str | None = ...,
        name: str | None = ...,
        weight: float | None = ...,
        severity: str | None = ...,
        enabled: bool | None = ...,
        filter: str | None = ...,
        values: list[str | int | float | bool] | None = ...,
        min: float | str | None = ...,
        max: float | str | None = ...,
        pattern: str | None = ...,
        type: str | None = ...,
        references: str | None = ...,
        expression: str | None = ...,
        sql: str | None = ...,
        quantile: float | None = ...,
        window: str | None = ...,
        baseline: str | None = ...,
        backfill: bool = ...,
        origin: str = ...,
    ) -> RuleItem: ...
    async def change_user(
        self,
        name: str,
        *,
        role: str | None = ...,
        password: str | None = ...,
    ) -> UserAnswer: ...
    async def change_widget(
        self,
        id: str,
        *,
        kind: str | None = ...,
        type: str | None = ...,
        title: str | None = ...,
        query: str | dict[str, Any] | None = ...,
        queries: list[dict[str, Any]] | None = ...,
        metric: str | None = ...,
        metrics: list[str] | None = ...,
        sql: str | None = ...,
        table: str | None = ...,
        aggregation: str | None = ...,
        by: list[str] | None = ...,
        group_by: list[str] | None = ...,
        filters: dict[str, Any] | list[dict[str, Any]] | None = ...,
        step: str | None = ...,
        compare: str | None = ...,
        x: int | None = ...,
        y: int | None = ...,
        w: int | None = ...,
        h: int | None = ...,
        position: dict[str, int] | None = ...,
        window: str | None = ...,
        options: dict[str, Any] | None = ...,
        config: dict[str, Any] | None = ...,
        note: str | None = ...,
        older_refresh: str | int | float | None = ...,
    ) -> WidgetAnswer: ...
    async def correct_column(
        self,
        table: str,
        column: str,
        *,
        role: Role | None = ...,
        sensitive: bool | None = ...,
        reset: bool = ...,
    ) -> ColumnAnswer: ...
    async def corrections(
        self,
        name: str,
        *,
        start: str | None = ...,
        end: str | None = ...,
        step: str = ...,
        aggregation: str | None = ...,
        group_by: str | None = ...,
    ) -> CorrectionsAnswer: ...
    async def dashboard_access(self, id: str) -> AccessAnswer: ...
    async def dashboard_diff(
        self,
        id: str,
        *,
        old: int | None = ...,
        new: int | None = ...,
    ) -> list[DifferenceAnswer]: ...
    async def dashboard_template(self, name: str) -> DashboardAnswer: ...
    async def dashboard_templates(self) -> list[TemplateItem]: ...
    async def dashboard_version(self, id: str, version: int) -> DashboardAnswer: ...
    async def dashboard_versions(self, id: str) -> list[VersionAnswer]: ...
    async def define_metric(
        self,
        name: str,
        *,
        table: str = ...,
        aggregation: str = ...,
        expression: str = ...,
        filter: str = ...,
        on: Literal['inserts', 'updates', 'deletes', 'changes'] = ...,
        group_by: list[str] = ...,
        formula: str = ...,
        unit: str = ...,
        description: str = ...,
        backfill: bool = ...,
    ) -> MetricDetail: ...
    async def detectors(self, metric: str = ...) -> DetectorsAnswer: ...
    async def diagnose(
        self,
        name: str = ...,
        *,
        url: str = ...,
        include: str = ...,
        exclude: str = ...,
    ) -> list[Finding]: ...
    async def diagnose_address(
        self,
        url: str,
        *,
        name: str = ...,
        include: list[str] = ...,
        exclude: list[str] = ...,
        snapshot: bool = ...,
    ) -> list[Finding]: ...
    async def drop_alert_rule(self, id: str) -> RuleAnswer: ...
    async def drop_dashboard(self, id: str) -> None: ...
    async def drop_metric(self, name: str) -> DropAnswer: ...
    async def drop_quality_rule(self, id: str) -> Dropped: ...
    async def drop_widget(self, id: str) -> None: ...
    async def dropped_dashboards(self) -> list[VersionAnswer]: ...
    async def duplicate_dashboard(self, id: str, *, name: str = ...) -> DashboardAnswer: ...
    async def end_silence(self, id: str) -> SilenceAnswer: ...
    async def export_dashboard(self, id: str, *, format: str = ...) -> ExportAnswer: ...
    async def forecast(
        self,
        metric: str,
        *,
        horizon: str = ...,
        by: str | None = ...,
        filters: str | list[str] | None = ...,
        aggregation: str | None = ...,
        level: float = ...,
        model: str = ...,
        threshold: float | None = ...,
        past: int = ...,
    ) -> ForecastAnswer: ...
    async def get_dashboard(self, id: str) -> DashboardAnswer: ...
    async def get_metric(self, name: str) -> MetricDetail: ...
    async def grant_dashboard(self, id: str, user: str, role: str) -> GrantAnswer: ...
    async def health(self) -> HealthAnswer: ...
    async def import_dashboard(
        self,
        text: str,
        *,
        replace: bool = ...,
        copy: bool = ...,
        name: str = ...,
    ) -> DashboardAnswer: ...
    async def ledger(self) -> LedgerAnswer: ...
    async def list_dashboards(self, search: str = ...) -> list[DashboardItem]: ...
    async def list_events(
        self,
        type: str | None = ...,
        *,
        service: str | None = ...,
        limit: int = ...,
    ) -> EventsListed: ...
    async def list_measurements(
        self,
        name: str | None = ...,
        *,
        service: str | None = ...,
        limit: int = ...,
    ) -> MeasurementsListed: ...
    async def list_metrics(
        self,
        table: str | None = ...,
        *,
        search: str | None = ...,
    ) -> list[MetricAnswer]: ...
    async def list_services(self) -> list[Service]: ...
    async def list_shares(self) -> list[ShareAnswer]: ...
    async def list_tokens(self, user: str = ...) -> list[TokenAnswer]: ...
    async def list_users(self) -> list[UserAnswer]: ...
    async def make_schema_snapshot(
        self,
        name: str,
        *,
        at: str | None = ...,
        note: str = ...,
    ) -> SchemaSnapshot: ...
    async def make_share(self, resource: str, *, expires: str = ...) -> ShareAnswer: ...
    async def make_token(
        self,
        user: str = ...,
        *,
        name: str = ...,
        role: str | None = ...,
        expires: str | None = ...,
    ) -> TokenAnswer: ...
    async def me(self) -> MeAnswer: ...
    async def measure_sla(
        self,
        objectives: list[str | dict[str, Any]],
        *,
        month: str = ...,
    ) -> SlaAnswer: ...
    async def missed_anomalies(
        self,
        metric: str,
        start: str,
        end: str,
        *,
        labels: dict[str, str] = ...,
        days: float = ...,
        allowed: float = ...,
    ) -> list[CandidateAnswer]: ...
    async def post_ddl(
        self,
        sql: str,
        *,
        dialect: str = ...,
        table: str = ...,
        at: str | None = ...,
        dry_run: bool = ...,
    ) -> DdlAnswer: ...
    async def post_event(
        self,
        body: bytes,
        *,
        content_type: str = ...,
        content_encoding: str = ...,
        wait: bool = ...,
    ) -> EventsAnswer: ...
    async def post_events(
        self,
        body: bytes,
        *,
        content_type: str = ...,
        content_encoding: str = ...,
        wait: bool = ...,
    ) -> EventsAnswer: ...
    async def post_heartbeat(
        self,
        body: bytes,
        *,
        content_type: str = ...,
        content_encoding: str = ...,
        wait: bool = ...,
    ) -> PostedAnswer: ...
    async def predictions(
        self,
        service_id: str | None = ...,
        *,
        limit: int = ...,
    ) -> list[Prediction]: ...
    async def preview_anomalies(
        self,
        metric: str,
        *,
        labels: dict[str, str] = ...,
        sensitivity: str | float | list[str | float] | None = ...,
        days: float = ...,
        points: int = ...,
        algorithms: list[str] | None = ...,
    ) -> PreviewAnswer: ...
    async def quality_backtest(
        self,
        rule: RuleBody,
        *,
        from_: str | None = ...,
        to: str | None = ...,
        masked: bool = ...,
    ) -> TriedItem: ...
    async def quality_check(
        self,
        table: str | None = ...,
        *,
        rule: str | None = ...,
        masked: bool = ...,
    ) -> list[TriedItem]: ...
    async def quality_report(
        self,
        window: str = ...,
        *,
        table: str | None = ...,
        end: str | None = ...,
    ) -> ReportAnswer: ...
    async def quality_rule(self, id: str) -> RuleItem: ...
    async def quality_rules(
        self,
        table: str | None = ...,
        *,
        window: str = ...,
    ) -> list[RuleItem]: ...
    async def quality_score(
        self,
        window: str = ...,
        *,
        table: str | None = ...,
        end: str | None = ...,
    ) -> ScoreAnswer: ...
    async def quality_stats(self) -> StatsAnswer: ...
    async def quality_suggestions(self, table: str | None = ...) -> list[SuggestionItem]: ...
    async def quality_table(self, table: str, *, window: str = ...) -> TableQuality: ...
    async def quality_validate(self, table: str, record: dict[str, Any]) -> ValidateAnswer: ...
    async def quality_violations(
        self,
        table: str | None = ...,
        *,
        rule: str | None = ...,
        state: str = ...,
        from_: str | None = ...,
        to: str | None = ...,
        limit: int = ...,
        masked: bool = ...,
    ) -> ViolationsAnswer: ...
    async def quarantine(self, limit: int = ..., *, state: str = ...) -> QuarantineAnswer: ...
    async def query(
        self,
        name: str,
        *,
        start: str | None = ...,
        end: str | None = ...,
        aggregation: str | None = ...,
        group_by: str | None = ...,
        filters: str | list[str] | None = ...,
        compare: str | None = ...,
        backend: str | None = ...,
    ) -> ComparedAnswer: ...
    async def query_metrics(
        self,
        metric_name: str,
        *,
        time_range: TimeRange = ...,
        aggregation: str | None = ...,
        group_by: str | list[str] | None = ...,
        filters: dict[str, str] | None = ...,
        step: str | None = ...,
    ) -> MetricsData: ...
    async def query_table(
        self,
        name: str,
        *,
        start: str | None = ...,
        end: str | None = ...,
        aggregation: str | None = ...,
        group_by: str | None = ...,
        filters: str | list[str] | None = ...,
        compare: str | None = ...,
        backend: str | None = ...,
    ) -> Table: ...
    async def range_query(
        self,
        name: str,
        *,
        start: str | None = ...,
        end: str | None = ...,
        aggregation: str | None = ...,
        group_by: str | None = ...,
        filters: str | list[str] | None = ...,
        compare: str | None = ...,
        backend: str | None = ...,
        step: str | None = ...,
        points: int | None = ...,
    ) -> ComparedAnswer: ...
    async def range_query_table(
        self,
        name: str,
        *,
        start: str | None = ...,
        end: str | None = ...,
        aggregation: str | None = ...,
        group_by: str | None = ...,
        filters: str | list[str] | None = ...,
        compare: str | None = ...,
        backend: str | None = ...,
        step: str | None = ...,
        points: int | None = ...,
    ) -> Table: ...
    async def record_measurements(
        self,
        body: bytes,
        *,
        content_type: str = ...,
        content_encoding: str = ...,
        wait: bool = ...,
    ) -> PostedAnswer: ...
    async def remove_user(self, name: str) -> UserAnswer: ...
    async def replay(self, ids: list[int] = ..., *, fixed: list[Fixed] = ...) -> ReplayAnswer: ...
    async def reports(self, runs: int = ...) -> list[ScheduledReport]: ...
    async def resend_to_backend(
        self,
        name: str = ...,
        *,
        start: str = ...,
    ) -> list[BackendState]: ...
    async def reset_detector(self, id: str) -> DetectorAnswer: ...
    async def resolve_alert(self, id: str, *, user: str = ..., note: str = ...) -> AlertAnswer: ...
    async def retention(self) -> RetentionAnswer: ...
    async def revoke_share(self, id: str) -> ShareAnswer: ...
    async def revoke_token(self, id: str) -> TokenAnswer: ...
    async def rollback_dashboard(
        self,
        id: str,
        *,
        version: int | None = ...,
    ) -> DashboardAnswer: ...
    async def run_report(self, name: str) -> RunReportAnswer: ...
    async def save_detector(
        self,
        metric: str,
        sensitivity: str | float,
        *,
        labels: dict[str, str] = ...,
        algorithms: list[str] | None = ...,
    ) -> DetectorAnswer: ...
    async def schema_change(self, id: str) -> SchemaChangeItem: ...
    async def schema_changes(
        self,
        start: str | None = ...,
        *,
        end: str | None = ...,
        table: str = ...,
        column: str = ...,
        kind: str = ...,
        impact: str = ...,
        described: bool = ...,
        limit: int = ...,
    ) -> SchemaChangesAnswer: ...
    async def schema_diff(self, start: str, *, end: str = ...) -> SchemaDiffAnswer: ...
    async def schema_snapshots(self) -> list[SchemaSnapshot]: ...
    async def schema_table(
        self,
        table: str,
        *,
        at: str | None = ...,
        limit: int = ...,
    ) -> SchemaTableAnswer: ...
    async def schema_tables(self, at: str | None = ...) -> list[SchemaTable]: ...
    async def server_vitals(self) -> Vitals: ...
    async def service_dashboard(self) -> Dashboard: ...
    async def service_metrics(self, service: str) -> ServiceDetail: ...
    async def share_dashboard(self, id: str, *, expires: str = ...) -> LinkAnswer: ...
    async def silences(self) -> list[SilenceAnswer]: ...
    async def sla(self, month: str = ...) -> SlaAnswer: ...
    async def snooze_alert(
        self,
        id: str,
        *,
        user: str = ...,
        note: str = ...,
        lasting: str = ...,
    ) -> AlertAnswer: ...
    async def source_offset(self, source: str) -> OffsetAnswer: ...
    async def sources(self) -> list[WatchState]: ...
    async def sql(
        self,
        query: str,
        *,
        limit: int | None = ...,
        masked: bool = ...,
        parameters: dict[str, str | int | float | bool | list[str] | None] = ...,
        start: str | None = ...,
        end: str | None = ...,
    ) -> SqlAnswer: ...
    async def sql_table(
        self,
        query: str,
        *,
        limit: int | None = ...,
        masked: bool = ...,
        parameters: dict[str, str | int | float | bool | list[str] | None] = ...,
        start: str | None = ...,
        end: str | None = ...,
    ) -> Table: ...
    async def status(self) -> StatusAnswer: ...
    async def submit_batch(self, body: bytes) -> EventsAnswer: ...
    async def tables(self, name: str | None = ...) -> list[TableAnswer]: ...
    async def task_overview(self) -> Tasks: ...
    async def test_alert(self, channels: list[str] = ...) -> list[Tried]: ...
    async def tile_kinds(self) -> list[KindAnswer]: ...
    async def track_events(
        self,
        body: bytes,
        *,
        content_type: str = ...,
        content_encoding: str = ...,
        wait: bool = ...,
    ) -> PostedAnswer: ...
    async def unwatch(self, name: str, *, keep: bool = ...) -> Unwatched: ...
    async def user_behavior(self) -> Behaviour: ...
    async def validate_dashboard(
        self,
        text: str = ...,
        *,
        dashboard: dict[str, Any] | None = ...,
    ) -> DocumentVerdict: ...
    async def watch(
        self,
        url: str,
        *,
        name: str = ...,
        include: list[str] = ...,
        exclude: list[str] = ...,
        snapshot: bool = ...,
    ) -> WatchState: ...
    async def watermarks(self) -> list[WatermarkItem]: ...
    async def widget(self, id: str) -> WidgetAnswer: ...
    async def withdraw_dashboard(self, id: str, user: str) -> None: ...

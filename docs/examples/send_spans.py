"""Trace an agent of your own: one run, one model call, one tool call, sent over OTLP/HTTP.

Uses the OpenTelemetry SDK (``pip install opentelemetry-sdk opentelemetry-exporter-otlp``).
``OTEL_EXPORTER_OTLP_ENDPOINT`` moves it to another address than http://localhost:4318.
"""

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider(resource=Resource({"service.name": "my-agent"}))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
tracer = provider.get_tracer("my-agent")

with tracer.start_as_current_span("invoke_agent planner") as run:
    run.set_attribute("gen_ai.operation.name", "invoke_agent")
    run.set_attribute("gen_ai.agent.name", "planner")
    run.set_attribute("gen_ai.conversation.id", "session-1")
    with tracer.start_as_current_span("chat gpt-5") as call:
        call.set_attribute("gen_ai.operation.name", "chat")
        call.set_attribute("gen_ai.provider.name", "openai")
        call.set_attribute("gen_ai.request.model", "gpt-5")
        call.set_attribute("gen_ai.usage.input_tokens", 1200)
        call.set_attribute("gen_ai.usage.output_tokens", 80)
    with tracer.start_as_current_span("execute_tool search") as tool:
        tool.set_attribute("gen_ai.operation.name", "execute_tool")
        tool.set_attribute("gen_ai.tool.name", "search")

provider.shutdown()  # sends what is still waiting
print(f"trace {run.get_span_context().trace_id:032x}")

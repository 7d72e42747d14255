"""Pages made of templates: the look that all reports share, and escaping."""

from typing import Any

from breakfix.reports.palette import chart_css, data_file, variables


def page(template: str, **context: Any) -> str:
    """The page of a template; every text is escaped unless the template says that it is markup."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        loader=FunctionLoader(lambda name: data_file(f"templates/{name}")),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(
        **context,
        style=data_file("templates/report.css"),
        light=variables(dark=False),
        dark=variables(dark=True),
        chart_css=chart_css(".axis"),
    )

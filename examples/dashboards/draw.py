#!/usr/bin/env python3
"""Draws what the dashboards of otel/dashboards would show, from a Prometheus that scrapes the bridge.

    python3 examples/dashboards/draw.py --prometheus http://localhost:9090 --out docs/images/dashboards

One SVG for each dashboard, from the same queries that Grafana would ask. It needs Python 3.9 or later and nothing else.
Panels are drawn in outline, so that a reader sees what to expect of Grafana.
"""
import argparse
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

sys.dont_write_bytecode = True  # panels.py lies beside this file, and nothing else is to.
from panels import HEIGHT, WIDTH, document, panel_at  # noqa: E402

FOLDER = Path(__file__).resolve().parents[2] / 'otel' / 'dashboards'
POINTS = 120  # of a line


class Prometheus:
    """Asks a Prometheus, with Grafana's variables filled in."""

    def __init__(self, url, seconds, scrape, chosen):
        self.url, self.seconds = url.rstrip('/'), seconds
        self.step = max(seconds // POINTS, 1)
        rate = max(self.step + scrape, 4 * scrape)
        # The longest names come first: one may begin with another.
        words = {'__rate_interval': f'{rate}s', '__range': f'{seconds}s', **chosen}
        self.words = sorted(words.items(), key=lambda word: -len(word[0]))

    def ask(self, target, now):
        """The series of a query: its labels, and its points or its one value."""
        query = target['expr']
        for name, value in self.words:
            query = query.replace(f'${name}', value)
        if target['instant']:
            answer = self.get('query', query=query, time=now)
            return [(found['metric'], float(found['value'][1])) for found in answer]
        answer = self.get('query_range', query=query, start=now - self.seconds, end=now, step=self.step)
        return [(found['metric'], [(at, float(value)) for at, value in found['values']]) for found in answer]

    def get(self, path, **parameters):
        url = f'{self.url}/api/v1/{path}'
        body = urllib.parse.urlencode(parameters).encode()
        try:
            with urllib.request.urlopen(url, body, timeout=60) as answer:
                return json.load(answer)['data']['result']
        except urllib.error.HTTPError as error:
            sys.exit(f'{url} answers {error.code}: {error.read().decode()}\n{parameters["query"]}')
        except urllib.error.URLError as error:
            sys.exit(f'{url} can\'t be asked: {error.reason}')


def draw(dashboard, prometheus, now):
    """A picture of a dashboard, and the titles of its panels without data."""
    parts, without, bottom = [], [], 0
    for panel in dashboard['panels']:
        targets = panel.get('targets', [])
        answers = [(target, prometheus.ask(target, now)) for target in targets]
        if targets and not any(series for _, series in answers):
            without.append(panel['title'])
        parts.append(panel_at(panel, answers, (now - prometheus.seconds, now), prometheus.step))
        bottom = max(bottom, panel['gridPos']['y'] + panel['gridPos']['h'])
    return document(dashboard['title'], parts, WIDTH, bottom * HEIGHT), without


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument('--prometheus', default='http://localhost:9090', help='its address')
    arguments.add_argument('--out', type=Path, required=True, help='the folder for the pictures')
    arguments.add_argument('--seconds', type=int, default=3600, help='the time range, up to now')
    arguments.add_argument('--scrape', type=int, default=15, help='the interval of scrapes, in seconds')
    arguments.add_argument('--job', default='.*', help='the job, as a regular expression')
    arguments.add_argument('--project', default='acme/platform/gateway', help='the one of the dashboard Project')
    arguments.add_argument('dashboards', nargs='*', help='such as overview; all of them without a name')
    said = arguments.parse_args()
    files = [FOLDER / f'{name}.json' for name in said.dashboards] or sorted(FOLDER.glob('*.json'))
    said.out.mkdir(parents=True, exist_ok=True)
    now = time.time()
    for file in files:
        project = said.project if file.stem == 'project' else '.*'
        chosen = {'job': said.job, 'instance': '.*', 'gitlab_instance': '.*', 'group': '.*', 'project': project, 'top': '10'}
        prometheus = Prometheus(said.prometheus, said.seconds, said.scrape, chosen)
        picture, without = draw(json.loads(file.read_text()), prometheus, now)
        path = said.out / f'{file.stem}.svg'
        path.write_text(picture)
        print(f'{path}: {len(picture) // 1024} KiB' + (f', without data: {", ".join(without)}' if without else ''))


main()

"""Panels as SVG: a box at its place in the grid, a title, and what each kind of panel shows of the answers."""
import math
import re
import time
from xml.sax.saxutils import escape

COLUMN, HEIGHT = 50, 36  # of a cell of the grid
WIDTH = 24 * COLUMN
COLORS = {'green': '#56a64b', 'red': '#e02f44', 'orange': '#ff780a', 'blue': '#3274d9'}
LINES = ['#56a64b', '#f2cc0c', '#3274d9', '#ff780a', '#e02f44', '#8f3bb8', '#37872d', '#1f60c4', '#fa6400', '#c4162a']
STYLE = """text{font-family:Helvetica,Arial,sans-serif;font-size:11px;fill:#24292e}.t{font-weight:bold}.s{fill:#6e7781;font-size:10px}
.b{fill:#fff;stroke:#d8dee4}.g{stroke:#e6e9ec}.e{text-anchor:end}.m{text-anchor:middle}"""


def document(title, parts, width, height):
    """The whole picture."""
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">'
            f'<title>{escape(title)}</title><style>{STYLE}</style>'
            f'<rect width="{width}" height="{height}" fill="#f4f5f5"/>{"".join(parts)}</svg>\n')


def panel_at(panel, answers, times, step):
    """A panel at its place."""
    place = panel['gridPos']
    x, y = place['x'] * COLUMN, place['y'] * HEIGHT
    if panel['type'] == 'row':
        return text(x + 6, y + 23, panel['title'], 't', size=14)
    width, height = place['w'] * COLUMN - 8, place['h'] * HEIGHT - 8
    title = text(8, 17, fit(panel['title'], width - 16), 't')
    if any(series for _, series in answers):
        body = KINDS[panel['type']](Panel(panel, answers, times, step, width - 16, height - 32))
    else:
        body = text((width - 16) / 2, height / 2 - 14, 'No data', 's m')
    label = escape(panel['title'], {'"': '&quot;'})
    return (f'<g transform="translate({x + 4},{y + 4})" aria-label="{label}"><rect class="b" rx="2" width="{width}" height="{height}"/>{title}'
            f'<g transform="translate(8,26)">{body}</g></g>')


class Panel:
    """What a panel shows, and how large."""

    def __init__(self, panel, answers, times, step, width, height):
        self.panel, self.answers, self.times, self.step, self.width, self.height = panel, answers, times, step, width, height
        defaults = panel['fieldConfig']['defaults']
        self.unit = defaults['unit']
        self.steps = defaults['thresholds']['steps']
        self.words = {key: word for mapping in defaults['mappings'] for key, word in mapping['options'].items()}
        self.fixed = [(re.compile(over['matcher']['options'].strip('/')), value['value']['fixedColor'])
                      for over in panel['fieldConfig']['overrides'] if over['matcher']['id'] == 'byRegexp'
                      for value in over['properties'] if value['id'] == 'color']
        self.named = [(name(target, labels), value) for target, series in answers for labels, value in series]

    def color(self, value):
        if (word := self.words.get(f'{value:g}')):
            return COLORS[word['color']]
        fitting = [step['color'] for step in self.steps if step['value'] is None or value >= step['value']]
        return COLORS[fitting[-1]]

    def line(self, index, label):
        """The colour of a line: that of its state, else the next one of the palette."""
        fixed = (COLORS[color] for pattern, color in self.fixed if pattern.search(label))
        return next(fixed, LINES[index % len(LINES)])

    def shown(self, value):
        word = self.words.get(f'{value:g}')
        return word['text'] if word else formatted(value, self.unit)


def name(target, labels):
    legend = target['legendFormat']
    if legend == '__auto':
        return ', '.join(value for key, value in labels.items() if key != '__name__')
    return re.sub(r'{{(\w+)}}', lambda match: labels.get(match[1], ''), legend).strip()


def stat(panel):
    values = panel.named
    if panel.panel['options']['colorMode'] == 'background':
        return wall(panel, values)
    each, parts = panel.width / len(values), []
    for index, (label, value) in enumerate(values):
        middle = each * (index + 0.5)
        only_name = panel.panel['options']['textMode'] == 'name'
        shown = label if only_name else panel.shown(value)
        size = min(30, panel.height * 0.6, each / max(len(shown), 1) * 1.7)
        parts.append(text(middle, panel.height / 2 + size / 3, shown, 'm', size=size, fill=panel.color(value)))
        if label and not only_name:
            parts.append(text(middle, panel.height - 2, fit(label, each), 's m'))
    return ''.join(parts)


def wall(panel, values):
    columns = math.ceil(math.sqrt(len(values) * 2))
    width, height = panel.width / columns, panel.height / math.ceil(len(values) / columns)
    parts = []
    for index, (label, value) in enumerate(values):
        x, y = index % columns * width, index // columns * height
        parts.append(box(x + 1, y + 1, width - 2, height - 2, panel.color(value)))
        parts.append(text(x + width / 2, y + height / 2 + 4, fit(label, width - 8), 'm', fill='#fff'))
    return ''.join(parts)


def table(panel):
    organize = panel.panel['transformations'][-1]['options']
    order, titles = organize['indexByName'], organize['renameByName']
    rows, one = {}, len(panel.answers) == 1
    for target, series in panel.answers:
        for labels, value in series:
            key = tuple(sorted(labels.items()))
            rows.setdefault(key, dict(labels))['Value' if one else f'Value #{target["refId"]}'] = value
    rows = list(rows.values())
    columns = [column for column in sorted(order, key=order.get) if any(row.get(column) for row in rows)]
    for by in panel.panel['options'].get('sortBy', []):
        column = next(key for key, title in titles.items() if title == by['displayName'])
        rows.sort(key=lambda row: row.get(column, -math.inf), reverse=by['desc'])
    width, parts = panel.width / max(len(columns), 1), []
    for at, column in enumerate(columns):
        cells = [(titles[column], 't')] + [(cell(panel, row.get(column)), '') for row in rows]
        for line, (content, style) in enumerate(cells[:int(panel.height // 18)]):
            parts.append(text(at * width, line * 18 + 12, fit(content, width - 6), style))
    return ''.join(parts)


def cell(panel, value):
    return panel.shown(value) if isinstance(value, float) else value or ''


def bargauge(panel):
    shown = panel.named[:max(int(panel.height // 17), 1)]
    most, labels = max(value for _, value in shown) or 1, panel.width * 0.42
    room, height = panel.width - labels - 64, min(panel.height / len(shown), 24)
    parts = []
    for index, (label, value) in enumerate(shown):
        y = index * height
        parts.append(text(labels - 6, y + height / 2 + 4, fit(label, labels - 8), 'e'))
        parts.append(box(labels, y + 2, room, height - 4, '#eef0f2'))
        parts.append(box(labels, y + 2, room * max(value, 0) / most, height - 4, '#8c6bb1'))
        parts.append(text(labels + room + 6, y + height / 2 + 4, panel.shown(value)))
    return ''.join(parts)


def piechart(panel):
    values = sorted((item for item in panel.named if item[1] > 0), key=lambda item: -item[1])
    whole = sum(value for _, value in values) or 1
    radius = min(panel.height, panel.width / 2) / 2 - 4
    around, begun, parts = 2 * math.pi * radius * 0.75, 0, []
    for index, (label, value) in enumerate(values):
        share, color = value / whole, panel.line(index, label)
        parts.append(f'<circle cx="{radius + 4:.0f}" cy="{panel.height / 2:.0f}" r="{radius * 0.75:.1f}" fill="none" stroke="{color}" '
                     f'stroke-width="{radius / 2:.1f}" stroke-dasharray="{share * around:.1f} {around:.1f}" '
                     f'stroke-dashoffset="{-begun * around:.1f}"/>')
        begun += share
        if index * 16 + 16 <= panel.height:
            x = 2 * radius + 18
            parts.append(box(x, index * 16 + 3, 9, 9, color))
            parts.append(text(x + 14, index * 16 + 12, fit(f'{label} {share:.0%}', panel.width - x - 14)))
    return ''.join(parts)


def timeseries(panel):
    stacked = panel.panel['fieldConfig']['defaults']['custom']['stacking']['mode'] == 'normal'
    lines = [(label, [(at, value) for at, value in points if math.isfinite(value)]) for label, points in panel.named]
    below, drawn = {}, []
    for label, points in lines:
        if stacked:
            points = [(at, below.setdefault(at, 0) + value) for at, value in points]
            below.update(points)
        drawn.append((label, points))
    values = [value for _, points in drawn for _, value in points]
    low, high = min(values + [0]), max(values + [0])
    high += (high - low) * 0.05 or 1
    left, bottom = 52, panel.height - 36
    place = axes(panel, low, high, left, bottom)
    parts = [place.drawn]
    for index in reversed(range(len(drawn))):
        color = panel.line(index, drawn[index][0])
        for points in unbroken(drawn[index][1], panel.step):
            path = ' '.join(f'{place.x(at):.0f},{place.y(value):.1f}' for at, value in points)
            if stacked:
                parts.append(f'<polygon fill="{light(color)}" points="{place.x(points[0][0]):.0f},{bottom:.0f} {path} '
                             f'{place.x(points[-1][0]):.0f},{bottom:.0f}"/>')
            parts.append(f'<polyline fill="none" stroke="{color}" stroke-width="1.3" points="{path}"/>')
    return ''.join(parts) + legend([(label, panel.line(index, label)) for index, (label, _) in enumerate(drawn)], panel)


def light(color):
    """The colour under a line, which hides what lies below it."""
    parts = (int(color[at:at + 2], 16) for at in (1, 3, 5))
    return '#' + ''.join(f'{255 - (255 - part) * 2 // 5:02x}' for part in parts)


def unbroken(points, step):
    """Stretches without a gap."""
    found = []
    for point in points:
        if found and point[0] - found[-1][-1][0] <= step * 1.5:
            found[-1].append(point)
        else:
            found.append([point])
    return found


class axes:
    """Where points lie between the axes, and the axes."""

    def __init__(self, panel, low, high, left, bottom):
        self.x = lambda at: left + (at - panel.times[0]) / (panel.times[1] - panel.times[0]) * (panel.width - left - 4)
        self.y = lambda value: bottom - (value - low) / (high - low) * (bottom - 6)
        parts = []
        for step in range(5 if high > low else 0):
            value = low + (high - low) * step / 4
            y = self.y(value)
            parts.append(f'<line class="g" x1="{left}" x2="{panel.width:.0f}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(text(left - 4, y + 4, formatted(value, panel.unit), 's e'))
        for step in range(1, 4):
            at = panel.times[0] + (panel.times[1] - panel.times[0]) * step / 4
            parts.append(text(self.x(at), bottom + 13, time.strftime('%H:%M', time.gmtime(at)), 's m'))
        self.drawn = ''.join(parts)


def legend(items, panel):
    x, parts = 0, []
    for label, color in items:
        wide = 26 + len(label) * 5.5
        if x + wide > panel.width:
            parts.append(text(x, panel.height, '…', 's'))
            break
        parts.append(box(x, panel.height - 4, 12, 3, color) + text(x + 16, panel.height, label, 's'))
        x += wide
    return ''.join(parts)


def heatmap(panel):
    buckets = sorted(panel.named, key=lambda item: float(item[0]))
    left, bottom = 52, panel.height - 16
    times = sorted({at for _, points in buckets for at, _ in points})
    counts, before = [], {}
    for _, points in buckets:
        here = dict(points)
        counts.append([max(here.get(at, 0) - before.get(at, 0), 0) for at in times])
        before = here
    most = max((count for row in counts for count in row), default=0) or 1
    width, height = (panel.width - left) / max(len(times), 1), bottom / max(len(buckets), 1)
    parts = []
    for index, (row, (bound, _)) in enumerate(zip(counts, buckets)):
        y = bottom - (index + 1) * height
        if index % max(len(buckets) // 6, 1) == 0:
            parts.append(text(left - 4, y + height / 2 + 4, formatted(float(bound), panel.unit), 's e'))
        for at, count in enumerate(row):
            if count > 0:
                parts.append(box(left + at * width, y + 0.5, max(width - 0.5, 1), height - 1, '#1f60c4', opacity=max((count / most) ** 0.5, 0.1)))
    return ''.join(parts)


def history(panel):
    rows = panel.named[:max(int((panel.height - 36) // 14), 1)]
    labels, bottom = panel.width * 0.3, panel.height - 36
    height = min(bottom / max(len(rows), 1), 26)
    begin, end = panel.times
    parts = []
    for index, (label, points) in enumerate(rows):
        parts.append(text(labels - 6, index * height + height / 2 + 4, fit(label, labels - 8), 'e'))
        for from_, to, value in runs(points, panel.step):
            x = labels + (from_ - begin) / (end - begin) * (panel.width - labels)
            width = (to - from_) / (end - begin) * (panel.width - labels)
            parts.append(box(x, index * height + 1, max(width, 1), height - 2, panel.color(value), opacity=0.85))
    words = [(word['text'], COLORS[word['color']]) for word in panel.words.values()]
    return ''.join(parts) + legend(words, panel)


def runs(points, step):
    """Neighbours with the same value as one stretch."""
    found = []
    for at, value in points:
        if found and found[-1][2] == value and at - found[-1][1] <= step / 2:
            found[-1][1] = at + step
        else:
            found.append([at, at + step, value])
    return found


KINDS = {'stat': stat, 'table': table, 'bargauge': bargauge, 'piechart': piechart, 'timeseries': timeseries,
         'heatmap': heatmap, 'status-history': history, 'state-timeline': history}


def formatted(value, unit):
    """A value with its unit, as short as Grafana writes it."""
    if not math.isfinite(value):
        return {math.inf: '+Inf', -math.inf: '-Inf'}.get(value, 'NaN')
    if unit == 'percentunit':
        return f'{short(value * 100)} %'
    if unit == 's':
        for name, seconds in (('years', 31_536_000), ('weeks', 604_800), ('days', 86_400), ('hours', 3600), ('min', 60), ('s', 1)):
            if abs(value) >= seconds:
                return f'{short(value / seconds)} {name}'
        return f'{short(value * 1000)} ms' if value else '0 s'
    base, names = (1024, ' B| KiB| MiB| GiB| TiB') if unit == 'bytes' else (1000, '| K| Mil| Bil| Tri')
    for power, word in reversed(list(enumerate(names.split('|')))):
        if abs(value) >= base ** power or power == 0:
            return short(value / base ** power) + word + (' req/s' if unit == 'reqps' else '')


def short(value):
    return f'{value:.3g}' if abs(value) < 1000 else f'{value:.0f}'


def text(x, y, content, style='', size=None, fill=None):
    looks = ''.join(f';{key}:{value}' for key, value in (('font-size', size and f'{size:.0f}px'), ('fill', fill)) if value)
    return (f'<text x="{x:.0f}" y="{y:.0f}"' + (f' class="{style}"' if style else '')
            + (f' style="{looks[1:]}"' if looks else '') + f'>{escape(content)}</text>')


def box(x, y, width, height, fill, opacity=None):
    faded = f' fill-opacity="{opacity:.2f}"' if opacity else ''
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}"{faded}/>'


def fit(content, width):
    most = max(int(width / 6), 1)
    return content if len(content) <= most else content[:most - 1] + '…'

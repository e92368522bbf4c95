// What on this page cannot be read or reached: wider than the window, paler than WCAG AA, too small to touch, without a name.
(() => {
  const wrong = [];
  if (document.documentElement.scrollWidth > innerWidth) {
    const wide = [...document.body.querySelectorAll("*")].filter((one) => one.getBoundingClientRect().right > innerWidth + 1);
    wrong.push(`wider than the window: ${wide.slice(0, 3).map((one) => one.outerHTML.slice(0, 80)).join(" | ")}`);
  }
  const channels = (colour) => (colour.match(/[\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const over = (top, below) => {
    const alpha = top[3] ?? 1;
    return [0, 1, 2].map((at) => top[at] * alpha + below[at] * (1 - alpha));
  };
  const ground = (element) => {
    const layers = [];
    for (let one = element; one; one = one.parentElement) layers.push(channels(getComputedStyle(one).backgroundColor));
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255]);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((value) => {
      const part = value / 255;
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const seen = (element) => {
    const box = element.getBoundingClientRect();
    return element.checkVisibility({ visibilityProperty: true }) && box.width > 2 && box.height > 2;
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = texts.nextNode(); node; node = texts.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || !seen(element) || element.closest(".skip, option")) continue;
    const style = getComputedStyle(element);
    const below = ground(element);
    const [one, two] = [light(over(channels(style.color), below)), light(below)].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (two + 0.05);
    const size = parseFloat(style.fontSize);
    const least = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    if (ratio < least) wrong.push(`contrast ${ratio.toFixed(2)} of "${node.data.trim().slice(0, 40)}"`);
  }
  for (const one of document.querySelectorAll("button, input:not([type=hidden]), select, summary, .button")) {
    if (!seen(one)) continue;
    const box = one.getBoundingClientRect();
    if (box.height < 24) wrong.push(`too small to touch (${box.height}): ${one.outerHTML.slice(0, 80)}`);
    const name = one.labels?.length ? one.labels[0].textContent : one.textContent || one.getAttribute("aria-label");
    if (!name?.trim()) wrong.push(`without a name: ${one.outerHTML.slice(0, 80)}`);
  }
  return wrong;
})()

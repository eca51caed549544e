// Degrees, Web Mercator in the unit square, distances.

const EARTH_KM = 6371.0088;

const mercatorY = (lat) => 0.5 - Math.asinh(Math.tan((Math.max(-85.0511, Math.min(85.0511, lat)) * Math.PI) / 180)) / (2 * Math.PI);
export const mercator = (lon, lat) => [(lon + 180) / 360, mercatorY(lat)];
export const longitude = (x) => x * 360 - 180;
export const latitude = (y) => (Math.atan(Math.sinh((0.5 - y) * 2 * Math.PI)) * 180) / Math.PI;

const degrees = (value, [plus, minus]) => `${Math.abs(value).toFixed(2)}° ${value >= 0 ? plus : minus}`;
export const whereText = (lon, lat) => (lon === null || lon === undefined ? "position unknown" : `${degrees(lat, "NS")}, ${degrees(lon, "EW")}`);
export const kmText = (km) => (km < 10 ? km.toFixed(1) : Math.round(km).toLocaleString("en"));

export function kilometres(lon1, lat1, lon2, lat2) {
  const r = Math.PI / 180, half = (a, b) => Math.sin(((b - a) * r) / 2) ** 2;
  const h = half(lat1, lat2) + Math.cos(lat1 * r) * Math.cos(lat2 * r) * half(lon1, lon2);
  return 2 * EARTH_KM * Math.asin(Math.min(1, Math.sqrt(h)));
}

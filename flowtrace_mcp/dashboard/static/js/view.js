// The view library under one name: pages import from here and from nowhere below vendor/.
import { h, render, Fragment } from "../vendor/preact.js";
import htm from "../vendor/htm.js";

export {
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useReducer,
  useRef,
  useState,
} from "../vendor/hooks.js";
export { Fragment, h, render };

export const html = htm.bind(h);
